import { chmodSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  execute,
  ProcessExecutionError,
  type ProcessExecutionErrorFacts,
  trycmd,
} from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';

const directory = mkdtempSync(join(tmpdir(), 'processutils-'));

async function failureOf(promise: Promise<unknown>): Promise<ProcessExecutionError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProcessExecutionError);
  return error as ProcessExecutionError;
}

let files = 0;
function made(name: string, make: (path: string) => void): string {
  files += 1;
  const path = join(directory, `${name}-${files}`);
  make(path);
  return path;
}
const script = (text: string): string => made('script', (path) => writeFileSync(path, `${text}\n`, { mode: 0o755 }));

describe('execute', () => {
  it('resolves to what the program wrote, byte for byte, with its exit code', async () => {
    const result = await execute('sh', ['-c', 'printf "a\\n b\\n\\n"; printf "w\\n" >&2']);
    expect(result).toMatchObject({ stdout: 'a\n b\n\n', stderr: 'w\n', exitCode: 0, attempts: 1 });
    expect(result.durationMs).toBeGreaterThan(0);
    expect(result.command).toBe('sh -c printf "a\\n b\\n\\n"; printf "w\\n" >&2');
  });

  it('passes arguments as they are, numbers in decimal, through no shell', async () => {
    const { stdout } = await execute('printf', ['%s|', '$HOME *', "it's", '', 42]);
    expect(stdout).toBe("$HOME *|it's||42|");
  });

  it('runs in cwd', async () => {
    expect((await execute('pwd', ['-P'], { cwd: '/' })).stdout).toBe('/\n');
  });

  it('replaces the environment by env', async () => {
    expect((await execute('/usr/bin/env', [], { env: { A: '1', B: undefined } })).stdout).toBe('A=1\n');
  });

  it('adds env to the own environment when extendEnv is set, undefined removing a variable', async () => {
    const { stdout } = await execute('/usr/bin/env', [], { env: { ADDED: 'x', PATH: undefined }, extendEnv: true });
    expect(stdout).toMatch(/^ADDED=x$/m);
    expect(stdout).toMatch(/^HOME=/m);
    expect(stdout).not.toMatch(/^PATH=/m);
  });

  it.each([
    ['text', 'süß'],
    ['bytes', Buffer.from('süß')],
    ['a stream', Readable.from([Buffer.from('sü'), Buffer.from('ß')])],
  ])('gives processInput of %s to the command', async (_kind, processInput) => {
    expect((await execute('cat', [], { processInput })).stdout).toBe('süß');
  });

  it('gives an empty stdin without processInput', async () => {
    expect((await execute('cat')).stdout).toBe('');
  });

  it('does not mind a command that leaves its input unread', async () => {
    const { exitCode } = await execute('true', [], { processInput: 'x'.repeat(4_000_000) });
    expect(exitCode).toBe(0);
  });

  it('gives bytes with binary', async () => {
    const { stdout } = await execute('printf', ['\\377\\000a'], { binary: true });
    expect(stdout).toEqual(Buffer.from([255, 0, 97]));
  });

  it('carries bytes that are no UTF-8 through text and back, as Python does', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const { stdout } = await execute('cat', [], { processInput: bytes });
    expect(stdout.slice(127, 130)).toBe('\x7f\udc80\udc81');
    const again = await execute('cat', [], { processInput: stdout, binary: true });
    expect(again.stdout).toEqual(bytes);
  });
});

describe('checkExitCode', () => {
  it.each([
    [undefined, 0, true],
    [undefined, 1, false],
    [true, 0, true],
    [true, 3, false],
    [false, 3, true],
    [3, 3, true],
    [3, 0, false],
    [[0, 2], 2, true],
    [[0, 2], 1, false],
    [[], 0, false],
  ])('%j with exit code %i succeeds: %s', async (checkExitCode, code, succeeds) => {
    const run = execute('sh', ['-c', `exit ${code}`], checkExitCode === undefined ? {} : { checkExitCode });
    if (succeeds) expect((await run).exitCode).toBe(code);
    else expect((await failureOf(run)).exitCode).toBe(code);
  });

  it('counts an end by signal n as exit code -n, as Python does', async () => {
    const error = await failureOf(execute('sh', ['-c', 'kill -9 $$']));
    expect(error).toMatchObject({ exitCode: -9, signal: 'SIGKILL' });
    const result = await execute('sh', ['-c', 'kill -9 $$'], { checkExitCode: [-9] });
    expect(result.exitCode).toBe(-9);
  });
});

describe('ProcessExecutionError', () => {
  it("has oslo's fields and message", async () => {
    const error = await failureOf(execute('sh', ['-c', 'echo out; echo "it\'s" >&2; exit 7']));
    expect(error.message).toBe(
      [
        'Unexpected error while running command.',
        'Command: sh -c echo out; echo "it\'s" >&2; exit 7',
        'Exit code: 7',
        "Stdout: 'out\\n'",
        'Stderr: "it\'s\\n"',
      ].join('\n'),
    );
    expect(error).toMatchObject({ stdout: 'out\n', stderr: "it's\n", exitCode: 7, code: 'ERR_PROCESS_EXECUTION' });
  });

  it('survives a round trip through JSON and structured clone of its facts', async () => {
    const error = await failureOf(execute('sh', ['-c', 'echo out; exit 7']));
    for (const facts of [JSON.parse(JSON.stringify(error)), structuredClone(error.toJSON())]) {
      const again = ProcessExecutionError.fromJSON(facts as ProcessExecutionErrorFacts);
      expect(again.message).toBe(error.message);
      expect(again.toJSON()).toEqual(error.toJSON());
    }
    expect(structuredClone(error).message).toBe(error.message);
  });

  it('says that a program was not found, with the system error as cause', async () => {
    const error = await failureOf(execute('no-such-program-anywhere', ['x']));
    expect(error.message).toContain('The program no-such-program-anywhere was not found in PATH.');
    expect(error.message).toContain('Exit code: -');
    expect(error.cause).toMatchObject({ code: 'ENOENT', syscall: 'spawn' });
  });

  it('says that the working directory is missing, or is none, not the program', async () => {
    const missing = await failureOf(execute('true', [], { cwd: join(directory, 'missing') }));
    expect(missing.description).toMatch(/^The working directory .*missing does not exist\.$/);
    const file = await failureOf(execute('true', [], { cwd: '/etc/passwd' }));
    expect(file.description).toBe('The working directory /etc/passwd is not a directory.');
  });

  it.each([
    ['a path through a file', () => '/etc/passwd/x', 'ENOTDIR'],
    ['a name that is too long', () => `/${'x'.repeat(300)}`, 'ENAMETOOLONG'],
    ['a link to itself', () => made('loop', (path) => symlinkSync(path, path)), 'ELOOP'],
    ['a script without its interpreter', () => script('#!/nowhere/sh'), 'ENOENT'],
    ['a script whose interpreter is no program', () => script('#!/etc/passwd'), 'EACCES'],
  ])('says the same of %s whether or not something stands in front of the program', async (_what, path, code) => {
    const file = path();
    const alone = await failureOf(execute(file));
    const limited = await failureOf(execute(file, [], { prlimit: { cpuTime: 60 } }));
    expect(alone.cause).toMatchObject({ code });
    expect(limited).toEqual(alone);
    expect(limited.cause).toMatchObject({ code });
  });

  it('says that a program may not be executed', async () => {
    const path = join(directory, 'not-executable');
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o644);
    const error = await failureOf(execute(path));
    expect(error.description).toMatch(/may not be executed/);
    expect(error.cause).toMatchObject({ code: 'EACCES' });
  });
});

describe('arguments', () => {
  it.each([
    ['file', 'ERR_INVALID_OPTION', () => execute(7 as never)],
    ['file', 'ERR_INVALID_OPTION', () => execute('')],
    ['args', 'ERR_INVALID_OPTION', () => execute('true', 'x' as never)],
    ['args[0]', 'ERR_INVALID_OPTION', () => execute('true', new Array(1) as never)],
    ['env', 'ERR_INVALID_OPTION', () => execute('true', [], { env: { 'A=B': 'C' } })],
    ['env', 'ERR_INVALID_OPTION', () => execute('true', [], { env: { '': 'C' } })],
    ['wrapper', 'ERR_INVALID_OPTION', () => execute('true', [], { wrapper: [''] })],
    ['rootHelper', 'ERR_INVALID_OPTION', () => execute('true', [], { rootHelper: "''" })],
    ['prlimit', 'ERR_INVALID_OPTION', () => execute('true', [], { prlimit: { toString: 1 } as never })],
    ['options', 'ERR_INVALID_OPTION', () => execute('true', [], null as never)],
    ['options', 'ERR_INVALID_OPTION', () => trycmd('true', [], null as never)],
    ['args[1]', 'ERR_INVALID_OPTION', () => execute('true', ['a', 'b\0'])],
    ['option', 'ERR_INVALID_OPTION', () => execute('true', [], { run_as_root: true } as never)],
    ['cwd', 'ERR_INVALID_OPTION', () => execute('true', [], { cwd: 7 as never })],
    ['env.A', 'ERR_INVALID_OPTION', () => execute('true', [], { env: { A: 7 as never } })],
    ['processInput', 'ERR_INVALID_OPTION', () => execute('true', [], { processInput: {} as never })],
    ['checkExitCode', 'ERR_INVALID_OPTION', () => execute('true', [], { checkExitCode: 'x' as never })],
    ['binary', 'ERR_INVALID_OPTION', () => execute('true', [], { binary: 1 as never })],
    ['logLevel', 'ERR_INVALID_OPTION', () => execute('true', [], { logLevel: 'loud' as never })],
    ['secrets', 'ERR_INVALID_OPTION', () => execute('true', [], { secrets: 'x' as never })],
  ])('a wrong %s is refused as a TypeError before anything is started', async (option, code, run) => {
    await expect(run()).rejects.toMatchObject({ option, code });
    await expect(run()).rejects.toBeInstanceOf(TypeError);
    await expect(run()).rejects.toHaveProperty('name', expect.stringMatching(/^(Invalid|Unknown)ArgumentError$/));
  });
});
