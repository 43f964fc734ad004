import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { gone, lockutils, StartedCommand, startLockutils } from '../../support/command.js';
import { lockDirectory } from '../../support/lock-directory.js';

// So long that a busy machine does not lose it; a test that waits for a renewal or a loss gives a shorter one.
const run = (path: string, ...args: string[]): readonly string[] => [
  'run',
  ...['--lease', pathToFileURL(path).href, '--ttl', '60s'],
  ...args,
];

/** As an administrator would who breaks all leases by hand; in one step, which a renewal cannot disturb. */
const breakLease = (path: string): void => renameSync(join(path, '.oslo-concurrency', 'lease'), join(path, 'broken'));

describe.runIf(process.platform === 'linux')('lockutils run --lease on a shared directory', () => {
  it('holds the lease while the command runs, renews it, and gives it a token that grows', async () => {
    using directory = lockDirectory();
    const tokens: bigint[] = [];
    for (let round = 0; round < 2; round += 1) {
      const script = 'echo $OSLO_FENCING_TOKEN; [ -z "$LONG" ] || sleep 3.3';
      const env = round === 0 ? { LONG: 'yes' } : {};
      const args = run(directory.path, '--ttl', '3s', 'x', '--', 'sh', '-c', script);
      const { status, stdout, stderr } = await lockutils(args, env);
      expect([status, stderr]).toEqual([0, '']);
      tokens.push(BigInt(stdout));
    }
    expect(tokens[1]).toBeGreaterThan(tokens[0] as bigint);
  });

  it('is refused, or late, while another holds it', async () => {
    using directory = lockDirectory();
    const holding = ['x', '--', 'sh', '-c', 'echo ready; exec sleep 600'];
    await using holder = startLockutils(run(directory.path, ...holding));
    await holder.says(/ready/);
    // A timeout names the holder that an attempt has met, and on a busy machine the first one may take most of a second.
    const [refused, late] = await Promise.all([
      lockutils(run(directory.path, 'x', '-n', '-E', '3', '--', 'echo', 'ran')),
      lockutils(run(directory.path, 'x', '-w', '3', '--', 'echo', 'ran')),
    ]);
    expect(refused).toMatchObject({ status: 3, stdout: '' });
    const named = new RegExp(`Timed out after 3000 ms .*: held by pid ${holder.pid} `);
    expect(late).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(named) });
  });

  it('ends the command and its descendants with 75 when the lease is lost, though they ignore SIGTERM', async () => {
    using directory = lockDirectory();
    const script = `trap "" TERM; sh -c 'echo pid $$; while :; do sleep 0.05; done' &
      echo ready; while :; do sleep 0.02; done`;
    await using command = startLockutils(run(directory.path, '--ttl', '3s', 'x', '--', 'sh', '-c', script));
    await command.says(/ready/);
    const descendant = Number((await command.says(/pid (\d+)/))[1]);
    breakLease(directory.path);
    const { status, stderr } = await command.ended;
    expect(status).toBe(75);
    expect(stderr).toMatch(/^lockutils: Lost the lease x \(token \d+\): .+$/m);
    await gone(descendant);
  });

  it('ends the descendants that ignore SIGTERM also when the command has obeyed it', async () => {
    using directory = lockDirectory();
    const script = `sh -c 'trap "" TERM; echo pid $$; while :; do sleep 0.05; done' & wait`;
    await using command = startLockutils(run(directory.path, '--ttl', '3s', 'x', '--', 'sh', '-c', script));
    const descendant = Number((await command.says(/pid (\d+)/))[1]);
    breakLease(directory.path);
    expect((await command.ended).status).toBe(75);
    await gone(descendant);
  });

  it('takes the command with it at SIGKILL, and the next gets in', async () => {
    using directory = lockDirectory();
    await using command = startLockutils(run(directory.path, 'x', '--', 'sh', '-c', 'echo pid $$; exec sleep 600'));
    const pid = Number((await command.says(/pid (\d+)/))[1]);
    command.process.kill('SIGKILL');
    await gone(pid);
    expect(await lockutils(run(directory.path, 'x', '-w', '5', '--', 'true'))).toMatchObject({ status: 0 });
  });

  it('refuses options that are for locks, other URLs and directories that are not there, before it runs anything', async () => {
    using directory = lockDirectory();
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [64, run(directory.path, 'x', '--shared', '--', 'echo', 'ran')],
      [64, run(directory.path, 'x', '--permits', '2', '--', 'echo', 'ran')],
      [64, run(directory.path, 'x', '--fair', '--', 'echo', 'ran')],
      [64, run(directory.path, 'x', '--lock-path', directory.path, '--', 'echo', 'ran')],
      [64, run(directory.path, 'x', '--if-killed', 'hold', '--', 'echo', 'ran')],
      [64, run(directory.path, 'x', '--ttl', '0', '--', 'echo', 'ran')],
      [64, ['run', 'x', '--lease', 'mysql://localhost', '--', 'echo', 'ran']],
      [64, ['run', 'x', '--lease', 'file://host/directory', '--', 'echo', 'ran']],
      [71, run(join(directory.path, 'missing'), 'x', '--', 'echo', 'ran')],
    ];
    const ended = await Promise.all(cases.map(([, args]) => lockutils(args)));
    expect(ended.map(({ status, stdout, stderr }) => [status, stdout, stderr !== ''])).toEqual(
      cases.map(([status]) => [status, '', true]),
    );
    expect(readdirSync(directory.path)).toEqual([]);
  });
});

it('lockutils run names the package that --lease etcd:// needs where it is not installed', async () => {
  using elsewhere = lockDirectory();
  const own = dirname(fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils/package.json')));
  const modules = join(elsewhere.path, 'node_modules');
  const copy = join(modules, '@oslo-concurrency', 'lockutils');
  mkdirSync(copy, { recursive: true });
  for (const part of ['bin', 'dist', 'package.json']) cpSync(join(own, part), join(copy, part), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) symlinkSync(installed(own, name), join(modules, name));
  await using command = new StartedCommand(
    'sh',
    ['-c', 'cd "$1" && exec "$2" "$3" run x --lease etcd://127.0.0.1:1 -- echo ran', 'sh'].concat(
      elsewhere.path,
      process.execPath,
      join(copy, 'bin', 'lockutils.js'),
    ),
    {},
  );
  const message =
    'lockutils: --lease etcd://... needs the package @oslo-concurrency/lockutils-etcd: npm install @oslo-concurrency/lockutils-etcd\n';
  expect(await command.ended).toEqual({ status: 64, signal: null, stdout: '', stderr: message });
});

it('importing the library loads no argument parser', () => {
  const code = `
    const { createRequire } = await import('node:module');
    await import('@oslo-concurrency/lockutils');
    console.log(Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('commander')).length);`;
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd, encoding: 'utf8' })).toBe('0\n');
});

function installed(from: string, name: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(candidate)) return candidate;
    if (folder === dirname(folder)) throw new Error(`${name} is not installed`);
  }
}
