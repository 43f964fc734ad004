import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ExecuteOptions, execute, type SshClient, sshExecute, trycmd } from '@oslo-concurrency/processutils';
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest';
import { rejection } from '../support/rejection.js';

const top = realpathSync(mkdtempSync(join(tmpdir(), 'prefer-local-')));
const inner = join(top, 'workspace', 'package');
afterAll(() => rmSync(top, { recursive: true }));

/** Puts a program that says where it lies into `directory`. */
function install(directory: string, name: string, script = 'dirname "$0"'): void {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const bin = (directory: string): string => join(directory, 'node_modules', '.bin');

beforeAll(() => {
  for (const directory of [top, inner]) install(bin(directory), 'everywhere');
  install(bin(top), 'above');
  install(bin(inner), 'calls-above', 'above');
  install(inner, 'beside');
  install(bin(inner), 'true', 'echo local');
});

describe('preferLocal', () => {
  it.each([
    ['everywhere', bin(inner)],
    ['above', bin(top)],
    ['calls-above', bin(top)],
    ['true', 'local'],
  ])('finds %s in the nearest node_modules/.bin, before PATH, from execute and trycmd', async (program, where) => {
    const options = { cwd: inner, preferLocal: true };
    expect((await execute(program, [], options)).stdout.trim()).toBe(where);
    expect((await trycmd(program, [], options)).stdout.trim()).toBe(where);
  });

  it('is the same with a timeout, limits and a shell, for which other programs look', async () => {
    for (const more of [{ timeout: 60_000 }, { prlimit: { numberFiles: 64 } }, { shell: true }]) {
      expect((await execute('above', [], { cwd: inner, preferLocal: true, ...more })).stdout.trim()).toBe(bin(top));
    }
  });

  it('takes the directory of this process where there is no cwd', async () => {
    const program = `
      import { execute } from '${import.meta.resolve('@oslo-concurrency/processutils')}';
      process.chdir(process.argv[1]);
      console.log((await execute('above', [], { preferLocal: true })).stdout);`;
    const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', program, inner]);
    expect(stdout.trim()).toBe(bin(top));
  });

  it('still finds what is nowhere local, without a PATH too', async () => {
    const script = ['sh', ['-c', 'echo "$PATH"']] as const;
    const { stdout } = await execute(...script, { cwd: inner, preferLocal: true, env: {} });
    expect(stdout).toBe(`${bin(inner)}:${bin(top)}:/bin:/usr/bin\n`);
  });

  it.each(['', '.', `/usr/bin::/bin`, '/usr/bin:./', '/usr/bin:../package'])(
    'never finds a program in the directory itself, with PATH=%j',
    async (PATH) => {
      const run = execute('beside', [], { cwd: inner, preferLocal: true, env: { PATH } });
      expect(await rejection(run)).toMatchObject({ description: 'The program beside was not found in PATH.' });
    },
  );

  it('leaves the directory itself in PATH where it is named in full', async () => {
    const options = { cwd: inner, preferLocal: true, env: { PATH: `/bin:${inner}` } };
    expect((await execute('beside', [], options)).exitCode).toBe(0);
  });

  it('leaves PATH and the programs alone without it', async () => {
    const { stdout } = await execute('sh', ['-c', 'true; echo "$PATH"'], { cwd: inner, env: { PATH: '/bin' } });
    expect(stdout).toBe('/bin\n');
    expect(await rejection(execute('above', [], { cwd: inner, preferLocal: false }))).toBeInstanceOf(Error);
  });

  it('says as ever that a program or a directory does not exist', async () => {
    const options = { cwd: inner, preferLocal: true };
    expect(await rejection(execute('nowhere', [], options))).toMatchObject({
      description: 'The program nowhere was not found in PATH.',
    });
    expect(await rejection(execute('true', [], { cwd: join(top, 'none'), preferLocal: true }))).toMatchObject({
      description: `The working directory ${join(top, 'none')} does not exist.`,
    });
  });

  it('of what is no boolean is refused before anything is started, and any over SSH', async () => {
    for (const run of [execute, trycmd]) {
      const wrong = run('true', [], { preferLocal: '/dir' as never, onExecute: () => expect.fail('it was started') });
      expect(await rejection(wrong)).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'preferLocal' });
    }
    const client: SshClient = { exec: () => expect.fail('nothing is sent') };
    const error = await rejection(sshExecute(client, 'true', { preferLocal: true } as never));
    expect(error).toMatchObject({ option: 'preferLocal', expected: expect.stringMatching(/^left out/) });
    expectTypeOf<ExecuteOptions['preferLocal']>().toEqualTypeOf<boolean | undefined>();
  });
});

describe.skipIf(process.getuid?.() !== 0)('preferLocal and folders of others (needs root, to make some)', () => {
  const shared = join(top, 'shared');
  const own = join(shared, 'build');

  it('does not run the program of a stranger in a directory above', async () => {
    install(bin(shared), 'true', 'echo stranger');
    chownSync(bin(shared), 4321, 4321);
    mkdirSync(own, { recursive: true });
    expect((await execute('true', [], { cwd: own, preferLocal: true })).stdout).toBe('');
  });

  it('runs what belongs to the owner of the directory, as in a container that sees the files of a user', async () => {
    chownSync(own, 4321, 4321);
    expect((await execute('true', [], { cwd: own, preferLocal: true })).stdout).toBe('stranger\n');
  });
});

it('preferLocal with a relative cwd is below the directory of this process', async () => {
  expect((await execute('sh', ['-c', 'pwd'], { cwd: '.', preferLocal: true })).stdout).toBe(`${process.cwd()}\n`);
});
