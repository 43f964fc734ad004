import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExecuteOptions,
  type ExtraDescriptor,
  execute,
  ProcessAbortedError,
  type SshClient,
  sshExecute,
  trycmd,
} from '@oslo-concurrency/processutils';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import { killAll, processesWith, uniqueSleep, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

const directory = mkdtempSync(join(tmpdir(), 'extra-descriptors-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sh = (script: string, options: ExecuteOptions) => execute('sh', ['-c', script], options);
const ownDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('extraDescriptors', () => {
  it('give the command an input, an output, none and a file of this process, at 3, 4, 5 and 6', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'from the file');
    const file = openSync(path, 'r');
    const extraDescriptors = [{ input: 'from the input' }, 'pipe', 'ignore', file] as const;
    const result = await sh('cat <&3; echo status >&4; test -e /proc/self/fd/5 || cat <&6', { extraDescriptors });
    expect(result.stdout).toBe('from the inputfrom the file');
    expect(result.extraOutput).toEqual([undefined, 'status\n', undefined, undefined]);
    closeSync(file);
  });

  it.each([
    { timeout: 60_000 },
    { prlimit: { numberFiles: 64 } },
    { shell: true },
    { wrapper: ['nice'] },
    { processInput: 'x', stdout: 'tee' },
    { attempts: 2 },
  ] as const)('reach the command through all that stands in front of it: %j', async (more) => {
    const extraDescriptors = [{ input: Buffer.from('in') }, 'pipe'] as const;
    const script = 'cat <&3 >&4';
    const [file, args] = 'shell' in more ? [script, []] : ['sh', ['-c', script]];
    const { extraOutput } = await execute(file, args as string[], { ...more, extraDescriptors });
    expect(extraOutput).toEqual([undefined, 'in']);
  });

  it('carry bytes with binary, and bytes that are no UTF-8 through text', async () => {
    const extraDescriptors = [{ input: Buffer.from([0xff, 0]) }, 'pipe'] as const;
    expect((await sh('cat <&3 >&4', { extraDescriptors, binary: true })).extraOutput[1]).toEqual(
      Buffer.from([0xff, 0]),
    );
    expect((await sh('cat <&3 >&4', { extraDescriptors: [{ input: '\udcff' }, 'pipe'] })).extraOutput[1]).toBe(
      '\udcff',
    );
  });

  it('carry more than a pipe holds both ways, and an input that is not read does not matter', async () => {
    const input = 'x'.repeat(3_000_000);
    const both = await sh('cat <&3 >&4', { extraDescriptors: [{ input }, 'pipe'] });
    expect(both.extraOutput[1]).toHaveLength(3_000_000);
    expect((await sh('head -c1 <&3', { extraDescriptors: [{ input }] })).stdout).toBe('x');
    expect((await execute('true', [], { extraDescriptors: [{ input }] })).extraOutput).toEqual([undefined]);
  });

  it('G24 keep as much as maxBuffer says', async () => {
    const { extraOutput } = await sh('seq 1 1000 >&3', { extraDescriptors: ['pipe'], maxBuffer: 20 });
    expect(extraOutput).toEqual(['1\n2\n3\n4\n5\n\n[truncated: 3873 bytes left out]\n\n999\n1000\n']);
  });

  it('G24 are in the error of a command that failed or was ended, masked', async () => {
    const options = { extraDescriptors: ['pipe'], secrets: ['s3cr3t'] } as const;
    const failed = await rejection(sh('echo s3cr3t >&3; exit 2', options));
    expect(failed).toMatchObject({ exitCode: 2, extraOutput: ['***\n'] });
    const abort = new AbortController();
    const ending = { signal: abort.signal, onStdoutLine: () => abort.abort() };
    const ended = await rejection(sh('echo s3cr3t >&3; echo ready; exec sleep 60', { ...options, ...ending }));
    expect(ended).toBeInstanceOf(ProcessAbortedError);
    expect(ended).toMatchObject({ extraOutput: ['***\n'] });
    expect(await trycmd('sh', ['-c', 'echo s3cr3t >&3; exit 2'], options)).toMatchObject({ extraOutput: ['***\n'] });
    expect(await trycmd('sh', ['-c', 'echo s3cr3t >&3'], options)).toMatchObject({ extraOutput: ['s3cr3t\n'] });
  });

  it('G23 are not waited for when others hold them', async () => {
    const start = performance.now();
    const options = { extraDescriptors: ['pipe'], drainTimeout: 50, timeout: 30_000 } as const;
    const { extraOutput } = await sh('echo done >&3; sleep 5 >/dev/null 2>&1 &', options);
    expect(extraOutput).toEqual(['done\n']);
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it('leave no descriptor open here, and none that was given closed', async () => {
    const file = openSync('/dev/null', 'r');
    const before = ownDescriptors();
    for (let n = 0; n < 20; n += 1) {
      await sh('exit 0', { extraDescriptors: [{ input: 'x'.repeat(500_000) }, 'pipe', file] });
      await rejection(execute('no-such-program', [], { extraDescriptors: [{ input: 'x' }, 'pipe', file] }));
    }
    expect(ownDescriptors()).toBeLessThanOrEqual(before + 1);
    expect(readFileSync(file)).toHaveLength(0);
    closeSync(file);
  });

  it('leave no descriptor open here either when a daemon of the command holds the other end', async () => {
    const daemon = uniqueSleep();
    const before = ownDescriptors();
    await sh(`sleep ${daemon} >/dev/null 2>&1 &`, { extraDescriptors: [{ input: 'x'.repeat(500_000) }] });
    expect(processesWith(daemon)).toHaveLength(1);
    await until(() => ownDescriptors() <= before);
    killAll(daemon);
  });

  it('are none for a command without them', async () => {
    expect((await execute('true')).extraOutput).toEqual([]);
    expect(await rejection(execute('false'))).toMatchObject({ extraOutput: undefined });
    expect(await trycmd('true')).not.toHaveProperty('extraOutput');
  });

  it.each([
    'pipe',
    [-1],
    [1.5],
    [987_654],
    ['inherit'],
    [undefined],
    [null],
    [{}],
    [{ input: 1 }],
    [{ input: 'x', output: 'y' }],
    new Array(1),
  ])('are refused before anything is started when wrong: %j', async (extraDescriptors) => {
    const options = { extraDescriptors, onExecute: () => expect.fail('it was started') } as never;
    for (const run of [execute('true', [], options), trycmd('true', [], options)]) {
      expect(await rejection(run)).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'extraDescriptors' });
    }
  });

  it('G24 show nothing of a wrong input in the message, and are refused over SSH', async () => {
    const wrong = [{ input: 'hunter2', inptu: 1 }] as never;
    const error = (await rejection(execute('true', [], { extraDescriptors: wrong }))) as Error;
    expect(error.message).not.toContain('hunter2');
    const client: SshClient = { exec: () => expect.fail('nothing is sent') };
    expect(await rejection(sshExecute(client, 'true', { extraDescriptors: [] } as never))).toMatchObject({
      option: 'extraDescriptors',
      expected: expect.stringMatching(/^left out/),
    });
  });

  it('have a type of their own', () => {
    expectTypeOf<ExtraDescriptor>().toEqualTypeOf<
      number | 'pipe' | 'ignore' | { readonly input: string | Uint8Array }
    >();
    // @ts-expect-error there is nothing to inherit at a descriptor without a number
    void (() => execute('true', [], { extraDescriptors: ['inherit'] }));
  });
});
