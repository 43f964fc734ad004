import { once } from 'node:events';
import { createReadStream, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { execute, type ProcessInput } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { fixture } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

const directory = mkdtempSync(join(tmpdir(), 'input-'));
const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('processInput', () => {
  it('may be a stream of any length', async () => {
    const path = join(directory, 'input');
    writeFileSync(path, Buffer.alloc(3_000_000, 'x'));
    const { stdout } = await execute('wc', ['-c'], { processInput: createReadStream(path) });
    expect(stdout.trim()).toBe('3000000');
  });

  it('that fails ends the command, and the failure is what execute rejects with', async () => {
    const missing = createReadStream(join(directory, 'missing'));
    expect(await rejection(execute('cat', [], { processInput: missing }))).toMatchObject({ code: 'ENOENT' });
    const breaking = new Readable({
      read() {
        this.push('begun');
        this.destroy(new Error('broke off'));
      },
    });
    expect(await rejection(execute('cat', [], { processInput: breaking }))).toEqual(new Error('broke off'));
  });

  it('that was destroyed before is refused, for nothing would ever come of it', async () => {
    const input = Readable.from(['x']).destroy();
    await expect(execute('cat', [], { processInput: input })).rejects.toMatchObject({ option: 'processInput' });
  });

  it.each([
    ['an object', { a: 1 }],
    ['a number', 1],
  ])('that gives %s ends the command, and execute rejects with what is wrong', async (_what, chunk) => {
    const error = await rejection(execute('cat', [], { processInput: Readable.from(['text', chunk]) }));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(/must give text or bytes/);
  });

  it('as a stream of text gives back the bytes that were no UTF-8', async () => {
    const { stdout } = await execute('printf', ['a\\377\\200b']);
    const { stdout: bytes } = await execute('cat', [], { processInput: Readable.from([stdout, 'c']), binary: true });
    expect(bytes).toEqual(Buffer.from('a\xff\x80bc', 'latin1'));
  });

  it('as a stream is refused where there may be several attempts', async () => {
    const run = execute('cat', [], { processInput: Readable.from(['x']), attempts: 2 });
    expect(await rejection(run)).toMatchObject({ option: 'processInput' });
  });

  it('that closes early without an error ends the command, and execute rejects with that', async () => {
    const input = new PassThrough();
    const run = execute('cat', [], { processInput: input, onStdoutLine: () => input.destroy() });
    input.write('begun\n');
    expect(await rejection(run)).toEqual(new Error('the stream given as processInput was closed before its end'));
  });

  it.each<[string, () => ProcessInput]>([
    ['an array', () => ['a', Buffer.from('b'), 'c']],
    ['a set', () => new Set(['a', 'b', 'c'])],
    ['a generator', () => generated()],
    ['an async generator', () => generatedLater()],
    ['a web stream', () => ReadableStream.from(['a', Buffer.from('b'), 'c'])],
    ['the body of a response', () => new Response('abc').body as ProcessInput],
    ['an empty iterable', () => []],
  ])('may be %s', async (what, make) => {
    const { stdout } = await execute('cat', [], { processInput: make() });
    expect(stdout).toBe(what === 'an empty iterable' ? '' : 'abc');
  });

  function* generated(): Generator<string | Uint8Array> {
    yield 'a';
    yield Buffer.from('b');
    yield 'c';
  }

  async function* generatedLater(): AsyncGenerator<string | Uint8Array> {
    yield* generated();
  }

  it.each<[string, () => ProcessInput]>([
    ['an iterable', () => ['a\udc80', 'b']],
    ['a web stream', () => ReadableStream.from(['a\udc80', 'b'])],
  ])('as %s of text gives back the bytes that were no UTF-8', async (_what, make) => {
    const { stdout } = await execute('cat', [], { processInput: make(), binary: true });
    expect(stdout).toEqual(Buffer.from('a\x80b', 'latin1'));
  });

  it('as an iterable that throws ends the command, and the throw is what execute rejects with', async () => {
    const bug = new Error('bug');
    const throwing = (async function* () {
      yield 'a';
      throw bug;
    })();
    expect(await rejection(execute('cat', [], { processInput: throwing }))).toBe(bug);
  });

  it.each([[1], [true], [{}], [() => {}], [null]])('may not be %s', async (input) => {
    expect(await rejection(execute('cat', [], { processInput: input as never }))).toMatchObject({
      option: 'processInput',
    });
  });

  it('as a web stream that has another reader is refused', async () => {
    const input = ReadableStream.from(['a']);
    input.getReader();
    expect(await rejection(execute('cat', [], { processInput: input }))).toMatchObject({ option: 'processInput' });
  });

  it.each([
    ['an iterable', () => ['a']],
    ['a web stream', () => ReadableStream.from(['a'])],
  ])('as %s is refused where there may be several attempts', async (_what, make) => {
    const run = execute('cat', [], { processInput: make(), attempts: 2 });
    expect(await rejection(run)).toMatchObject({ option: 'processInput' });
  });

  it('of which another option keeps the command from running is not touched', async () => {
    const file = Readable.from(['x']);
    const web = ReadableStream.from(['x']);
    for (const processInput of [file, web]) {
      expect(await rejection(execute('cat', [], { processInput, timeout: -1 }))).toMatchObject({ option: 'timeout' });
    }
    expect([file.destroyed, web.locked]).toEqual([false, false]);
  });
});

describe('processInput that the command does not read to its end', () => {
  it('is destroyed when the command has ended, so that twenty commands leave no descriptor', async () => {
    const path = join(directory, 'long');
    writeFileSync(path, Buffer.alloc(3_000_000, 'x'));
    await execute('head', ['-c', '1'], { processInput: createReadStream(path) });
    const before = descriptors();
    for (let run = 0; run < 20; run += 1) {
      const processInput = createReadStream(path);
      const closed = once(processInput, 'close');
      await execute('head', ['-c', '1'], { processInput });
      await closed;
    }
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  it.each([
    ['fails', () => execute('false', [], { processInput: endless() })],
    ['cannot be started', () => execute('/no/such/program', [], { processInput: endless() })],
    ['times out', () => execute('sleep', ['60'], { processInput: endless(), timeout: 100, killGrace: 50 })],
    ['was aborted before', () => execute('true', [], { processInput: endless(), signal: AbortSignal.abort() })],
  ])('is destroyed though the command %s', async (_how, run) => {
    expect(await rejection(run())).toBeInstanceOf(Error);
    expect(given?.destroyed).toBe(true);
  });

  let given: Readable | undefined;
  function endless(): Readable {
    given = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536);
      })(),
    );
    return given;
  }

  it('has its generator returned, or its web stream cancelled', async () => {
    let returned = 0;
    const generator = (async function* () {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        returned += 1;
      }
    })();
    await execute('head', ['-c', '1'], { processInput: generator });
    expect(returned).toBe(1);
    let cancelled = 0;
    const web = new ReadableStream({
      pull: (controller) => controller.enqueue(Buffer.alloc(65_536)),
      cancel: () => {
        cancelled += 1;
      },
    });
    await execute('head', ['-c', '1'], { processInput: web });
    expect(cancelled).toBe(1);
    const unread = new ReadableStream({
      cancel: () => {
        cancelled += 1;
      },
    });
    await rejection(execute('/no/such/program', [], { processInput: unread }));
    expect(cancelled).toBe(2);
  });

  it('has its web stream cancelled though that never gave anything', async () => {
    let cancelled = false;
    const silent = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    await execute('true', [], { processInput: silent });
    expect(cancelled).toBe(true);
  });

  it('may fail afterwards, and while the command goes on without it, and ends nothing by that', async () => {
    const late = new Readable({
      read() {
        this.push(Buffer.alloc(65_536));
      },
      destroy(_error, done) {
        setTimeout(() => done(new Error('too late')), 20);
      },
    });
    const closed = new Promise((resolve) => late.once('close', resolve));
    await execute('head', ['-c', '1'], { processInput: late });
    await closed;
    expect(late.errored).toEqual(new Error('too late'));
    const source = new PassThrough();
    const script = 'exec 0<&-; echo closed; read -r _ < "$1"';
    const gate = join(directory, 'gate');
    await execute('mkfifo', [gate]);
    const run = execute('sh', ['-c', script, 'sh', gate], {
      processInput: source,
      onStdoutLine: () => {
        // Written to nobody: the pipe breaks, and then the source does.
        source.write('x');
        setTimeout(() => source.destroy(new Error('broke off unread')), 50);
        setTimeout(() => writeFileSync(gate, 'go on\n'), 100);
      },
    });
    expect((await run).exitCode).toBe(0);
  });

  it('is left open when it is given for the output too', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0);
    await once(server, 'listening');
    const socket = connect((server.address() as { port: number }).port);
    await once(socket, 'connect');
    const echoed = once(socket, 'data');
    socket.write('one line\n');
    await execute('head', ['-n', '1'], { processInput: socket, stdout: socket });
    expect(socket.destroyed).toBe(false);
    expect(socket.listenerCount('error')).toBe(0);
    await echoed;
    socket.destroy();
    server.close();
  });

  it('is left open when it is the stdin of this process', async () => {
    const program = `
      import { execute } from '@oslo-concurrency/processutils';
      for (const _ of [1, 2]) {
        const { stdout } = await execute('head', ['-n', '1'], { processInput: process.stdin });
        console.log(stdout.trim(), process.stdin.destroyed, process.stdin.listenerCount('error'));
      }
      process.stdin.destroy();`;
    const processInput = new PassThrough();
    processInput.write('first\n');
    const lines: string[] = [];
    await execute(process.execPath, ['--input-type=module', '-e', program], {
      cwd: fixture('.'),
      processInput,
      onStdoutLine: (line) => {
        lines.push(line);
        processInput.write('second\n');
      },
    });
    expect(lines).toEqual(['first false 0', 'second false 0']);
  });
});
