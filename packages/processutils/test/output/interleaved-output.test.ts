import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExecuteResult,
  execute,
  type InterleavedResult,
  type ProcessExecutionError,
  type SshClient,
  sshExecute,
  type TrycmdResult,
  trycmd,
} from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { hasPython } from '../../../../installed.js';
import { LineOrder } from '../../src/output/line-order.js';
import { rejection } from '../support/rejection.js';
import { connect, sshd, startSshServer } from '../support/ssh-server.js';
import { writesInOrder } from '../support/writes-in-order.js';

const script = writesInOrder([1, 'one\n'], [2, 'two\n'], [1, 'begun'], [2, 'three\n'], [1, ' ended\n']);
const woven = 'one\ntwo\nthree\nbegun ended\n';

describe('all: true', () => {
  it.runIf(hasPython)('gives stdout and stderr in one text, line by line, and each by itself', async () => {
    const result = await execute('sh', ['-c', script], { all: true });
    expect(result).toMatchObject({ all: woven, stdout: 'one\nbegun ended\n', stderr: 'two\nthree\n' });
  });

  it.runIf(hasPython)(
    'gives bytes with binary, and what the streams are given with stream, tee and line callback',
    async () => {
      const wrong = [
        [1, '\udcff\n'],
        [2, '\udcfe'],
      ] as const;
      const bytes = await execute('sh', ['-c', writesInOrder(...wrong)], { all: true, binary: true });
      expect(bytes.all).toEqual(Buffer.from([255, 10, 254]));
      const lines: string[] = [];
      const { all } = await execute('sh', ['-c', script], { all: true, onStdoutLine: (line) => lines.push(line) });
      expect([all, lines]).toEqual([woven, ['one', 'begun ended']]);
    },
  );

  it('is not there when it was not asked for', async () => {
    expect(await execute('true')).not.toHaveProperty('all');
    expect(await execute('true', [], { all: false })).not.toHaveProperty('all');
    expect(await trycmd('true')).toEqual({ stdout: '', stderr: '' });
  });

  it('gives stdout and then stderr when maxBuffer has left something out', async () => {
    const options = { all: true, maxBuffer: 8 } as const;
    const { all, stdout, stderr } = await execute('sh', ['-c', 'seq 1 9 >&2; seq 1 9; seq 1 9 >&2'], options);
    expect(all).toBe(stdout + stderr);
    expect(all).toMatch(/bytes left out[\s\S]*bytes left out/);
  });

  it.runIf(hasPython)('G24 is in the error of a command that failed or was ended, masked', async () => {
    const leaky = `${script}; echo s3cr3t; exit 3`;
    const failed = await rejection(execute('sh', ['-c', leaky], { all: true, secrets: ['s3cr3t'] }));
    expect(failed).toMatchObject({ exitCode: 3, all: `${woven}***\n`, attempts: 1 });
    expect(JSON.parse(JSON.stringify(failed))).toMatchObject({ all: `${woven}***\n` });
    const abort = new AbortController();
    const options = {
      all: true,
      signal: abort.signal,
      onStdoutLine: (line: string) => line === 'last' && abort.abort(),
    };
    const ended = await rejection(execute('sh', ['-c', `${script}; echo last; exec sleep 60`], options));
    expect(ended).toMatchObject({ code: 'ERR_PROCESS_ABORTED', all: `${woven}last\n` });
  });

  it.runIf(hasPython)('G24 shows no secret of several lines that the other stream has torn apart', async () => {
    const torn = writesInOrder([1, 'first of key\n'], [2, 'between\n'], [1, 'last of key\n']);
    const secrets = ['first of key\nlast of key'];
    const run = execute('sh', ['-c', `${torn}; exit 1`], { all: true, secrets });
    const error = (await rejection(run)) as ProcessExecutionError;
    expect(error.all).toBe('***\nbetween\n');
  });

  it.runIf(hasPython)('of trycmd is the message of a failure, and stdout alone with discardWarnings', async () => {
    expect((await trycmd('sh', ['-c', script], { all: true })).all).toBe(woven);
    const quiet = await trycmd('sh', ['-c', script], { all: true, discardWarnings: true });
    expect(quiet).toEqual({ stdout: 'one\nbegun ended\n', stderr: '', all: 'one\nbegun ended\n' });
    const failed = await trycmd('sh', ['-c', 'echo x; exit 1'], { all: true });
    expect(failed.all).toBe(failed.stderr);
  });

  it.each([
    { all: 'yes' },
    { all: true, stdout: 'inherit' },
    { all: true, stderr: 'inherit' },
    { all: true, stdout: 'ignore' },
    { all: true, stderr: 'ignore' },
  ])('is refused before anything is started where it cannot be: %j', async (wrong) => {
    const options = { ...wrong, onExecute: () => expect.fail('it was started') } as never;
    for (const run of [execute('true', [], options), trycmd('true', [], options)]) {
      expect(await rejection(run)).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'all' });
    }
  });

  it('has a text for a type, or bytes', () => {
    void (() => {
      expectTypeOf(execute('true', [], { all: true })).resolves.toEqualTypeOf<InterleavedResult>();
      expectTypeOf(execute('true', [], { all: true, binary: true })).resolves.toEqualTypeOf<
        InterleavedResult<Buffer>
      >();
      expectTypeOf(execute('true', [], { timeout: 1 })).resolves.toEqualTypeOf<ExecuteResult>();
      expectTypeOf(execute('true', [], { binary: true })).resolves.toEqualTypeOf<ExecuteResult<Buffer>>();
      expectTypeOf<TrycmdResult['all']>().toEqualTypeOf<string | undefined>();
    });
  });
});

describe.skipIf(sshd === undefined)('all: true over SSH (needs the Debian package openssh-server)', () => {
  it('gives both in one text, masked', async () => {
    const server = await startSshServer();
    const client = await connect(server);
    const directory = mkdtempSync(join(tmpdir(), 'interleaved-'));
    chmodSync(directory, 0o755);
    let runs = 0;
    const run = <Options extends object>(options: Options, last = ':') => {
      runs += 1;
      const read = join(directory, `${runs}-`);
      // The command writes each piece when this process has read the one before: a file says so.
      const steps = ['echo one', 'echo two >&2', 'printf begun', 'echo three >&2', 'echo " ended"'];
      const script = steps.map((step, n) => `${step}; until [ -e ${read}${n} ]; do sleep 0.01; done`).join('; ');
      const stepping: SshClient = {
        exec: (text, answer) =>
          client.exec(text, (error, channel) => {
            answer(error, channel);
            let pieces = 0;
            for (const stream of [channel, channel?.stderr]) {
              stream?.on('data', () => {
                writeFileSync(`${read}${pieces}`, '');
                pieces += 1;
              });
            }
          }),
      };
      return sshExecute(stepping, `${script}; ${last}`, { all: true, ...options } as const);
    };
    try {
      expect((await run({})).all).toBe(woven);
      const error = await rejection(run({}, 'echo password=x; exit 1'));
      expect(error).toMatchObject({ all: `${woven}password=***\n` });
      const bytes = await run({ binary: true, sanitizeStdout: false });
      expect(bytes.all).toEqual(Buffer.from(woven));
      expect(await sshExecute(client, 'true')).not.toHaveProperty('all');
    } finally {
      client.end();
      await server.stop();
      rmSync(directory, { recursive: true });
    }
  });
});

describe('the order of lines', () => {
  const pieces = fc.array(
    fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.constantFrom('a', '\n', 'b\nc', 'd\n\n', '')),
  );

  it('is that in which they were completed, however the pieces are cut', () => {
    void fc.assert(
      fc.property(pieces, (given) => {
        const order = new LineOrder();
        const begun = ['', ''];
        let expected = '';
        for (const [from, text] of given) {
          order.add(from, Buffer.from(text), 0);
          const lines = (begun[from] + text).split('\n');
          begun[from] = lines.pop() ?? '';
          expected += lines.map((line) => `${line}\n`).join('');
        }
        const whole = ([0, 1] as const).map((of) => given.map(([from, text]) => (from === of ? text : '')).join(''));
        expect(order.weave(whole[0] ?? '', whole[1] ?? '')).toBe(expected + begun.join(''));
      }),
    );
  });

  it('is given up for texts with other lines than those that came, and when bytes were left out', () => {
    const order = new LineOrder();
    order.add(1, Buffer.from('x\ny\n'), 0);
    order.add(0, Buffer.from('a\n'), 0);
    expect(order.weave('a\n', 'x\ny\n')).toBe('x\ny\na\n');
    expect(order.weave('a\n', '***')).toBe('a\n***');
    expect(order.weave('***', 'x\ny\n')).toBe('***x\ny\n');
    expect(order.weave('a\nb\n', 'x\ny\n')).toBe('a\nb\nx\ny\n');
    order.add(0, Buffer.from('b\n'), 1);
    order.add(1, Buffer.from('z\n'), 0);
    expect(order.weave('a', 'x')).toBe('ax');
    expect(order.weave('a\nb\n', 'x\ny\nz\n')).toBe('a\nb\nx\ny\nz\n');
    expect(order.weave('a\n', 'x\n')).toBe('a\nx\n');
  });
});
