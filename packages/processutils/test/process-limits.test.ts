import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ExecuteOptions,
  execute,
  ProcessExecutionError,
  ProcessLimits,
  type ProcessLimitValues,
} from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { hasPython, python } from '../../../installed.js';
import { fixture } from './support/processes.js';

/** The ten limits, with a value each and the name that the kernel gives them. */
const limits: readonly [keyof ProcessLimitValues, number, string][] = [
  ['addressSpace', 3 * 2 ** 30 + 4096, 'Max address space'],
  ['coreFileSize', 512 * 7, 'Max core file size'],
  ['cpuTime', 77, 'Max cpu time'],
  ['dataSize', 2 ** 30 + 1024, 'Max data size'],
  ['fileSize', 512 * 9, 'Max file size'],
  ['memoryLocked', 32 * 1024, 'Max locked memory'],
  ['numberFiles', 123, 'Max open files'],
  ['numberProcesses', 4321, 'Max processes'],
  ['residentSetSize', 2 ** 29, 'Max resident set'],
  ['stackSize', 4 * 2 ** 20 + 1024, 'Max stack size'],
];

function kernelLimit(text: string, name: string): number[] {
  const found = new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(text);
  return [Number(found?.[1]), Number(found?.[2])];
}

describe('prlimit', () => {
  it.each(limits)('G24 sets exactly %s = %i, as seen from inside', async (name, value, kernelName) => {
    const prlimit = new ProcessLimits({ [name]: value });
    const { stdout } = await execute('cat', ['/proc/self/limits'], { prlimit });
    expect(kernelLimit(stdout, kernelName)).toEqual([value, value]);
  });

  it('G24 sets all ten together, takes a plain object too, and leaves this process as it is', async () => {
    const before = spawnSync('cat', ['/proc/self/limits'], { encoding: 'utf8' }).stdout;
    const prlimit = Object.fromEntries(limits.map(([name, value]) => [name, value]));
    const { stdout } = await execute('cat', ['/proc/self/limits'], { prlimit });
    for (const [, value, kernelName] of limits) expect(kernelLimit(stdout, kernelName)).toEqual([value, value]);
    expect(spawnSync('cat', ['/proc/self/limits'], { encoding: 'utf8' }).stdout).toBe(before);
  });

  it('says that the program is missing, as without limits', async () => {
    const error = await failureOf('no-such-program-anywhere', [], { prlimit: new ProcessLimits({ cpuTime: 1 }) });
    expect(error.description).toBe('The program no-such-program-anywhere was not found in PATH.');
    expect(error.cause).toMatchObject({ code: 'ENOENT' });
    const limited = { prlimit: new ProcessLimits({ cpuTime: 1 }), cwd: '/no/such/directory' };
    expect((await failureOf('true', [], limited)).description).toMatch(/working directory .* does not exist/);
  });

  it.each([
    [{ numberOfFiles: 1 }, 'prlimit'],
    [{ cpuTime: -1 }, 'prlimit.cpuTime'],
    [{ cpuTime: 1.5 }, 'prlimit.cpuTime'],
    [{ cpuTime: '1' }, 'prlimit.cpuTime'],
  ])('refuses %j', (values, option) => {
    expect(() => new ProcessLimits(values as never)).toThrow(expect.objectContaining({ option }));
  });
});

describe('the error of a command under limits', () => {
  const directory = mkdtempSync(join(tmpdir(), 'limits-'));

  const limits = [
    ['cpuTime', { cpuTime: 1 }, 'sh', ['-c', 'while :; do :; done']],
    ['fileSize', { fileSize: 4096 }, 'head', ['-c', '10000', '/dev/zero']],
    ['addressSpace', { addressSpace: 2 ** 27 }, python, ['-c', 'bytearray(2 ** 30)']],
    ['dataSize', { dataSize: 2 ** 27 }, python, ['-c', 'bytearray(2 ** 30)']],
    ['numberFiles', { numberFiles: 20 }, python, ['-c', '[open("/dev/null") for _ in [0] * 50].pop()']],
    ['stackSize', { stackSize: 2 ** 17 }, 'perl', ['-e', 'sub f { "x" =~ /^((??{ f($_[0] - 1) if $_[0] }))/ } f(1e5)']],
  ] as const;
  it.for(limits)('G24 names %s as the limit that was probably hit', async ([limit, values, file, args], { skip }) => {
    skip(file === python && !hasPython);
    const command =
      limit === 'fileSize'
        ? (['sh', ['-c', `exec "$@" > ${directory}/file`, 'sh', file, ...args]] as const)
        : ([file, args] as const);
    const error = await failureOf(command[0], command[1], { prlimit: new ProcessLimits(values) });
    expect(error.limit).toBe(limit);
    expect(error.message).toMatch(new RegExp(`^The command probably hit its limit ${limit} = \\d+\\.\n`));
  });

  it('G24 names it also when a shell passes the death on as 128 + n', async () => {
    // Two commands, or the shell would become the first one.
    const script = `head -c 10000 /dev/zero > ${directory}/large; exit $?`;
    const error = await failureOf('sh', ['-c', script], { prlimit: new ProcessLimits({ fileSize: 4096 }) });
    expect(error).toMatchObject({ exitCode: 128 + 25, limit: 'fileSize' });
  });

  it('names none when another failure is likelier', async () => {
    const error = await failureOf('sh', ['-c', 'exit 3'], { prlimit: new ProcessLimits({ cpuTime: 100 }) });
    expect(error.limit).toBeUndefined();
    expect(error.message).toMatch(/^Unexpected error while running command\.\n/);
  });
});

describe.skipIf(process.getuid?.() !== 0)('without prlimit(1) (needs root, to hide it in a mount namespace)', () => {
  function withoutPrlimit(values: ProcessLimitValues): { readonly stdout?: string; readonly message?: string } {
    const hide = 'mount --bind /dev/null "$(readlink -f "$(command -v prlimit)")" && exec "$@"';
    const program = [process.execPath, fixture('reads-own-limits.mjs'), JSON.stringify(values)];
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', hide, 'sh', ...program], { encoding: 'utf8' });
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as { stdout?: string; message?: string };
  }

  it('G24 sets all ten exactly by the ulimit of a shell', () => {
    const { stdout = '', message } = withoutPrlimit(Object.fromEntries(limits.map(([name, value]) => [name, value])));
    expect(message).toBeUndefined();
    for (const [, value, kernelName] of limits) expect(kernelLimit(stdout, kernelName)).toEqual([value, value]);
  });

  it('G24 starts nothing when the shell cannot set a limit exactly, and says what to install', () => {
    const { message } = withoutPrlimit({ fileSize: 1000 });
    expect(message).toMatch(
      /^prlimit\.fileSize = 1000 cannot be set: .*Install util-linux or give a multiple of 512\.$/,
    );
  });
});

async function failureOf(
  file: string,
  args: readonly string[],
  options: ExecuteOptions,
): Promise<ProcessExecutionError> {
  const error = await execute(file, args, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProcessExecutionError);
  return error as ProcessExecutionError;
}
