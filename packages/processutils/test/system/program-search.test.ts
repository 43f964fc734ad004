import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute } from '@oslo-concurrency/processutils';
import { afterAll, describe, expect, it } from 'vitest';
import { asPlainUser, plainUserIsPossible } from '../support/plain-user.js';
import { fixture } from '../support/processes.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'program-search-')));
chmodSync(directory, 0o777);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function program(path: string, text: string): string {
  writeFileSync(join(directory, path), text);
  chmodSync(join(directory, path), 0o755);
  return join(directory, path);
}

describe('the programs that run a command', () => {
  // Each leaves a file that tells of it.
  const trap = join(directory, 'trap');
  mkdirSync(trap);
  const traps = ['prlimit', 'sh', 'ps', 'kill', 'env', 'sudo'];
  // The fixture itself runs `true`, wherever PATH finds it.
  symlinkSync('/bin/true', join(trap, 'true'));
  for (const name of traps) program(`trap/${name}`, `#!/bin/sh\n: > ${directory}/ran-${name}\nexit 0\n`);
  const ran = (): string[] => traps.filter((name) => existsSync(join(directory, `ran-${name}`)));
  const calls = [
    ['/bin/echo', ['a'], { prlimit: { cpuTime: 9 } }],
    ['/bin/echo', ['b'], { timeout: 60_000 }],
    ['/bin/echo', ['c'], { runAsRoot: true, rootHelper: 'env' }],
    ['/bin/echo d', [], { runAsRoot: true, rootHelper: 'env', shell: true }],
    // One that is ended, through the helper as well.
    ['/bin/sleep', ['60'], { timeout: 100, killGrace: 100, runAsRoot: true, rootHelper: 'sudo -n' }],
  ] as const;

  it.skipIf(!plainUserIsPossible).each([
    ['is unset', undefined],
    ['is empty', ''],
    ['has an empty entry first', ':/usr/bin:/bin'],
    ['names the directory as .', '.:/usr/bin:/bin'],
    ['has an empty entry last', '/no/such:'],
  ])(
    'are never those of the current directory when PATH %s (needs root, and the Debian package sudo)',
    (_how, path) => {
      const [file = '', ...args] = asPlainUser('executes.mjs', ...calls.map((call) => JSON.stringify(call)));
      const put = path === undefined ? ['env', '-u', 'PATH'] : ['env', `PATH=${path}`];
      // PATH changes for the program alone: what leads to it is no part of the test.
      const at = args.indexOf(process.execPath);
      const words = [...args.slice(0, at), '/usr/bin/env', ...put.slice(1), ...args.slice(at)];
      const lines = execFileSync(`/usr/bin/${file}`, words, { cwd: trap, encoding: 'utf8' }).trim().split('\n');
      const seen = lines.map((line) => JSON.parse(line) as { stdout?: string; name?: string });
      expect(ran()).toEqual([]);
      expect(seen.map(({ stdout }) => stdout)).toEqual(['a\n', 'b\n', 'c\n', 'd\n', '']);
      expect(seen.at(-1)?.name).toBe('ProcessTimeoutError');
    },
  );
});

describe('a script with a relative interpreter', () => {
  it.each([undefined, 60_000])('runs with the interpreter in its cwd, with a timeout of %s', async (timeout) => {
    mkdirSync(join(directory, 'bin'), { recursive: true });
    if (!existsSync(join(directory, 'bin/shell'))) symlinkSync('/bin/sh', join(directory, 'bin/shell'));
    const script = program('relative', '#!bin/shell\necho ran\n');
    expect((await execute(script, [], { cwd: directory, timeout })).stdout).toBe('ran\n');
    await expect(execute(script, [], { cwd: '/', timeout })).rejects.toMatchObject({ cause: { code: 'ENOENT' } });
  });
});

describe('in a working directory that was removed', () => {
  const gone = join(directory, 'gone');

  it('a command without cwd runs as with Node, and no descriptor is left, whatever its options', () => {
    mkdirSync(gone);
    const outcome = execFileSync(process.execPath, [fixture('in-removed-directory.mjs')], {
      cwd: gone,
      encoding: 'utf8',
    });
    const { before, after, seen } = JSON.parse(outcome) as { before: number; after: number; seen: unknown[] };
    expect(seen).toEqual([
      ...Array.from({ length: 6 }, () => `${gone} (deleted)\n`),
      'The program no-such-program was not found in PATH.',
      'The program no-such-program was not found in PATH.',
      'The program ./here, or the interpreter its first line names, does not exist.',
      3,
    ]);
    expect(after).toBe(before);
  });
});
