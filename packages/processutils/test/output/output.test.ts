import { getEventListeners, once } from 'node:events';
import { createWriteStream, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import {
  execute,
  type ProcessAbortedError,
  type ProcessExecutionError,
  ProcessTimeoutError,
} from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasPython, python } from '../../../../installed.js';
import { pythonRepr } from '../../src/masking/python-repr.js';
import { captureOutput } from '../../src/output/capture-output.js';
import { decodeText, encodeText } from '../../src/output/text-decoding.js';
import {
  endLeftovers,
  fixture,
  killAll,
  processesWith,
  uniqueSleep,
  unloadedNow,
  until,
} from '../support/processes.js';
import { rejection } from '../support/rejection.js';

const directory = mkdtempSync(join(tmpdir(), 'output-'));

let token = '';
endLeftovers();

/** A stream that takes a piece only after so many turns of the event loop, and knows how much it ever had to hold. */
function slowStream(turns: number): { stream: Writable; most(): number; taken(): number } {
  let most = 0;
  let taken = 0;
  const stream: Writable = new Writable({
    highWaterMark: 16_384,
    write(chunk: Buffer, _encoding, done) {
      most = Math.max(most, stream.writableLength);
      const wait = (left: number): unknown => (left > 0 ? setImmediate(() => wait(left - 1)) : finish());
      const finish = (): void => {
        taken += chunk.length;
        done();
      };
      wait(turns);
    },
  });
  return { stream, most: () => most, taken: () => taken };
}

describe('stdout and stderr', () => {
  it('go to a writable stream, which is left open, as fast as it takes them', async () => {
    const path = join(directory, 'copy');
    const file = createWriteStream(path);
    const { stdout, stdoutTruncated } = await execute('head', ['-c', '5000000', '/dev/zero'], { stdout: file });
    file.end('end');
    await once(file, 'close');
    expect(readFileSync(path).length).toBe(5_000_003);
    expect(stdoutTruncated).toBe(5_000_000 - 2 ** 20);
    expect(stdout.length).toBeLessThan(2 ** 20 + 100);
  });

  it('G24 hold the command up, not the memory, when the stream is slow', async () => {
    const { stream, most } = slowStream(1);
    await execute('head', ['-c', '20000000', '/dev/zero'], { stdout: stream });
    expect(most()).toBeGreaterThan(0);
    expect(most()).toBeLessThan(500_000);
  });

  it('end the command when the stream fails, and the failure is what execute rejects with', async () => {
    token = uniqueSleep();
    const full = createWriteStream('/dev/full');
    const error = await rejection(
      execute('sh', ['-c', `echo x; exec sleep ${token}`], { stdout: full, killGrace: 100 }),
    );
    expect(error).toMatchObject({ code: 'ENOSPC' });
    await until(() => processesWith(token).length === 0);
  });

  it('are refused a stream that has ended, and a callback for what this process does not read', async () => {
    const ended = new PassThrough();
    ended.end();
    expect(await rejection(execute('true', [], { stdout: ended }))).toMatchObject({ option: 'stdout' });
    const both = execute('true', [], { stdout: 'inherit', onStdoutLine: () => {} });
    expect(await rejection(both)).toMatchObject({ option: 'onStdoutLine' });
  });

  it('go to this process with inherit', async () => {
    const program = `
      import { execute } from '@oslo-concurrency/processutils';
      const { stdout } = await execute('echo', ['straight'], { stdout: 'inherit' });
      console.log(JSON.stringify(stdout));`;
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program], { cwd: fixture('.') });
    expect(stdout).toBe('straight\n""\n');
  });
});

it('many commands share one signal and one stream without a warning of Node, and leave no listener', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  const all = new PassThrough();
  all.resume();
  const options = { signal, stdout: all, stderr: all };
  await Promise.all(Array.from({ length: 16 }, () => execute('echo', ['x'], options)));
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  expect(warnings).toEqual([]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  expect([all.listenerCount('error'), all.listenerCount('drain'), all.listenerCount('close')]).toEqual([0, 0, 0]);
});

describe('maxBuffer', () => {
  it('keeps the first and the last half, and says what is missing', async () => {
    const result = await execute('seq', ['1', '1000'], { maxBuffer: 20 });
    expect(result.stdout).toBe('1\n2\n3\n4\n5\n\n[truncated: 3873 bytes left out]\n\n999\n1000\n');
    expect(result.stdoutTruncated).toBe(3873);
  });

  it('keeps exactly so many bytes, whatever the pieces', () => {
    void fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3000 })), fc.nat(5000), (chunks, limit) => {
        const capture = captureOutput(limit, true);
        for (const chunk of chunks) capture.add(Buffer.from(chunk));
        const whole = Buffer.concat(chunks);
        const head = Math.ceil(limit / 2);
        const expected =
          whole.length <= limit
            ? whole
            : Buffer.concat([whole.subarray(0, head), whole.subarray(whole.length - (limit - head))]);
        expect(capture.bytes().equals(expected)).toBe(true);
        expect(capture.leftOut).toBe(whole.length - expected.length);
      }),
    );
  });

  it('leaves what fits as it is', async () => {
    const result = await execute('printf', ['12345'], { maxBuffer: 5 });
    expect(result).toMatchObject({ stdout: '12345', stdoutTruncated: 0 });
  });
});

describe('text', () => {
  it('is the same however the bytes are cut, and gives the bytes back', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.string({ unit: 'binary', maxLength: 6 }).map((text) => new Uint8Array(Buffer.from(text))),
    );
    void fc.assert(
      fc.property(fc.array(bytes), (chunks) => {
        const whole = Buffer.concat(chunks);
        const text = decodeText(whole);
        expect(Buffer.from(encodeText(text)).equals(whole)).toBe(true);
      }),
    );
  });

  it.each<[string, number[], string]>([
    ['the first surrogate', [0xed, 0xa0, 0x80], '\udced\udca0\udc80'],
    ['the last surrogate', [0xed, 0xbf, 0xbf], '\udced\udcbf\udcbf'],
    ['what comes before the surrogates', [0xed, 0x9f, 0xbf], '\ud7ff'],
    ['what comes after them', [0xee, 0x80, 0x80], '\ue000'],
    ['two bytes where one is enough', [0xc1, 0xbf], '\udcc1\udcbf'],
    ['the first of two bytes', [0xc2, 0x80], '\u0080'],
    ['three bytes where two are enough', [0xe0, 0x9f, 0xbf], '\udce0\udc9f\udcbf'],
    ['the first of three bytes', [0xe0, 0xa0, 0x80], '\u0800'],
    ['four bytes where three are enough', [0xf0, 0x8f, 0xbf, 0xbf], '\udcf0\udc8f\udcbf\udcbf'],
    ['the first of four bytes', [0xf0, 0x90, 0x80, 0x80], '\u{10000}'],
    ['the last character there is', [0xf4, 0x8f, 0xbf, 0xbf], '\u{10ffff}'],
    ['the one after it', [0xf4, 0x90, 0x80, 0x80], '\udcf4\udc90\udc80\udc80'],
    ['half a character', [0xe2, 0x82], '\udce2\udc82'],
  ])('of %s is what Python makes of it, between wrong bytes too', (_what, bytes, text) => {
    const wrong = Buffer.of(0xff, ...bytes, 0x41, 0xff);
    expect(decodeText(wrong)).toBe(`\udcff${text}A\udcff`);
    expect(Buffer.from(encodeText(decodeText(wrong))).equals(wrong)).toBe(true);
  });

  it('costs little more when no byte of it is UTF-8', () => {
    const shortest = (bytes: Buffer, step: (bytes: Buffer) => unknown): number =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const start = performance.now();
          step(bytes);
          return performance.now() - start;
        }),
      );
    const megabyte = 2 ** 20;
    const wrong = Buffer.alloc(megabyte, 0xff);
    // What ends in one wrong byte is decoded by the same loop; so many pieces of text took a hundred times as long.
    const nearlyRight = Buffer.concat([Buffer.alloc(megabyte - 1, 'a'), Buffer.of(0xff)]);
    expect(shortest(wrong, decodeText)).toBeLessThan(10 * shortest(nearlyRight, decodeText));
    expect(encodeText(decodeText(wrong))).toEqual(wrong);
  });

  it('that is longer than a string can be ends the command, and the error says what to do', async () => {
    const error = await rejection(execute('head', ['-c', '600000000', '/dev/zero']));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(/more text than a string can hold .*maxBuffer, binary/);
  });

  it('of a large output comes whole, cut between characters or not', async () => {
    const { stdout } = await execute('sh', ['-c', 'yes "aä€😀" | head -c 5000001']);
    const line = 'aä€😀\n';
    expect(Buffer.byteLength(stdout.slice(0, 100_000 * line.length))).toBe(1_100_000);
    expect(stdout.startsWith(line.repeat(400_000))).toBe(true);
    expect(Buffer.from(encodeText(stdout)).length).toBe(5_000_001);
  });

  it.runIf(hasPython)('is quoted as Python quotes it', async () => {
    const texts = [
      '',
      "it's",
      `both ' and "`,
      '\\ \n\r\t\0\x1f\x7f\x80\xa0\xad',
      'äß€',
      '\u200b\u2028\ue000\u0378',
      '😀\udc80\ud800',
    ];
    const program = 'import sys, json; print(json.dumps([repr(x) for x in json.loads(sys.argv[1])]))';
    const { stdout } = await execute(python, ['-c', program, escaped(texts)]);
    expect(texts.map(pythonRepr)).toEqual(JSON.parse(stdout));
  });

  const escaped = (value: unknown): string =>
    JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
});

describe('a pipe that others hold', () => {
  it('loses nothing that was written before the command ended, and is not waited for', async () => {
    token = uniqueSleep();
    const script = `sleep ${token} & exec head -c 3000000 /dev/zero`;
    const start = unloadedNow();
    const { stdout } = await execute('sh', ['-c', script], { binary: true, drainTimeout: 50 });
    expect(stdout.length).toBe(3_000_000);
    expect(unloadedNow() - start).toBeLessThan(2000);
    expect(processesWith(token)).toHaveLength(1);
  });

  it('loses nothing either when the stream it goes to is slower than the command', async () => {
    token = uniqueSleep();
    const { stream, taken } = slowStream(300);
    await execute('sh', ['-c', `sleep ${token} & exec head -c 150000 /dev/zero`], { stdout: stream, drainTimeout: 0 });
    expect(taken() + stream.writableLength).toBe(150_000);
  });

  it.each([
    ['still runs', 10_000_000, 'SIGTERM', /^The command did not end within 1000 ms and was ended by SIGTERM/],
    ['has ended', 80_000, undefined, /^The command did not end within 1000 ms before the given stream had taken/],
  ])('G23 ends at the timeout though a stream takes nothing more of a command that %s', async (...given) => {
    const [, bytes, endedBy, message] = given;
    // Is full with the first line, which the command writes alone. Node lets the output go once more as the command ends:
    // a chunk of 64 KiB at most, and 80,000 bytes fit into any pipe of Node's, so that nothing keeps the command from ending.
    const processInput = new PassThrough();
    const stuck = new Writable({ highWaterMark: 1, write: () => processInput.end('go on\n') });
    const script = `echo full; read -r line; exec head -c ${bytes} /dev/zero`;
    const run = execute('sh', ['-c', script], { stdout: stuck, processInput, timeout: 1000 });
    const error = await rejection(run);
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    expect(error).toMatchObject({ endedBy, message: expect.stringMatching(message) });
  });

  it('leaves nothing behind that would keep this process from ending, whatever became of the stream', async () => {
    const program = `
      import { Writable } from 'node:stream';
      import { execute } from '@oslo-concurrency/processutils';
      const stdout = new Writable({ highWaterMark: 1, write: () => {} });
      await execute('head', ['-c', '150000', '/dev/zero'], { stdout, timeout: 100, drainTimeout: 0 }).catch((e) => console.log(e.name));`;
    const args = ['--input-type=module', '-e', program];
    const { stdout } = await execute(process.execPath, args, { cwd: fixture('.'), timeout: 20_000 });
    expect(stdout).toBe('ProcessTimeoutError\n');
  });

  it('does not make a timeout of a command that ended in time', async () => {
    token = uniqueSleep();
    const run = execute('sh', ['-c', `sleep ${token} & echo done`], { timeout: 1000, drainTimeout: 60_000 });
    expect((await run).stdout).toBe('done\n');
    expect(processesWith(token)).toHaveLength(1);
  });

  it('is read for as long as drainTimeout says, also when no timer of Node is that long', async () => {
    const { stdout } = await execute('sh', ['-c', '(sleep 0.3; echo late) & echo early'], { drainTimeout: 2 ** 40 });
    expect(stdout).toBe('early\nlate\n');
  });

  it('is read until drainTimeout, so that what a quick successor writes is there', async () => {
    const { stdout } = await execute('sh', ['-c', '(sleep 0.05; echo late) & echo early'], { drainTimeout: 10_000 });
    expect(stdout).toBe('early\nlate\n');
  });

  it('is let go of after drainTimeout, and not before', async () => {
    token = uniqueSleep();
    const start = unloadedNow();
    const wall = performance.now();
    await execute('sh', ['-c', `sleep ${token} & echo early`], { drainTimeout: 250 });
    expect(performance.now() - wall).toBeGreaterThan(245);
    expect(unloadedNow() - start).toBeLessThan(2500);
  });

  it('is read to its end when the command had to be ended and was heard late', async () => {
    const abort = new AbortController();
    const script = 'trap "head -c 60000 /dev/zero; exit" TERM; echo ready; while :; do sleep 0.01; done';
    const error = await rejection(
      execute('sh', ['-c', script], {
        signal: abort.signal,
        onStdoutLine: () => {
          abort.abort();
          // From when the signal is sent on this thread sees nothing, and the command writes and ends meanwhile.
          setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500), 3);
        },
      }),
    );
    expect((error as ProcessAbortedError).stdout.length).toBe('ready\n'.length + 60_000);
  });

  it('is read to its end when a descendant wrote and ended while this thread was busy', async () => {
    // The command itself ends at once, and its end is seen. Its child writes and ends within one turn of this thread, whose
    // next step is the look that finds no process left. Another process of the machine that ends during this look makes
    // it look again, after a turn: hence several rounds.
    for (const round of [1, 2, 3, 4, 5]) {
      const abort = new AbortController();
      const go = join(directory, `go-${round}`);
      const trap = `while [ ! -e ${go} ]; do :; done; printf "%060000d" 0; exit`;
      const child = `trap '${trap}' TERM; echo ready; while :; do sleep 0.01; done`;
      const busy = (): void => {
        writeFileSync(go, '');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
      };
      const onStdoutLine = (line: string): void => {
        if (line !== 'ready') return;
        abort.abort();
        setTimeout(busy, 100);
      };
      const run = execute('sh', ['-c', `(${child}) & trap exit TERM; wait`], { signal: abort.signal, onStdoutLine });
      const { stdout, endedBy } = (await rejection(run)) as ProcessAbortedError;
      expect({ length: stdout.length, endedBy }).toEqual({ length: 'ready\n'.length + 60_000, endedBy: 'SIGTERM' });
    }
  });

  it('that is written to without end does not keep execute', async () => {
    token = uniqueSleep();
    // The shell ends only when `yes` has written: a busy machine may let it write nothing within drainTimeout.
    const writes = `yes ${token} & until grep -q '^wchar: [1-9]' /proc/$!/io; do :; done; echo begun`;
    const { stdout } = await execute('sh', ['-c', writes], { drainTimeout: 200, maxBuffer: 1000 });
    expect(stdout).toContain(token);
    killAll(token);
  });
});

it('a failed command with much output has a short message, and all of it as a field', async () => {
  const error = (await rejection(execute('sh', ['-c', 'head -c 3000000 /dev/zero; exit 1']))) as ProcessExecutionError;
  expect(error.message.length).toBeLessThan(700_000);
  expect(error.stdout?.length).toBe(3_000_000);
});
