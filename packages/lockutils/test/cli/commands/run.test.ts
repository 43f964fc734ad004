import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { listLocks, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { lockutils, startLockutils } from '../../support/command.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const within = (path: string): NodeJS.ProcessEnv => ({ OSLO_LOCK_PATH: path });
const linux = process.platform === 'linux';

describe('lockutils run', () => {
  it('runs the command with its arguments, streams and status, and holds the lock until it ends', async () => {
    using directory = lockDirectory();
    await using command = startLockutils(
      ['run', 'x', '--', 'sh', '-c', 'read line; echo "$line $1"; echo err >&2; exit 7', 'sh', 'two  words'],
      within(directory.path),
    );
    await expect.poll(() => listLocks({ lockPath: directory.path })).toMatchObject([{ state: 'held' }]);
    command.process.stdin?.end('one\n');
    expect(await command.ended).toEqual({ status: 7, signal: null, stdout: 'one two  words\n', stderr: 'err\n' });
    expect(await listLocks({ lockPath: directory.path })).toMatchObject([{ state: 'free', abandonedBy: undefined }]);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGSEGV'] as const)('exits with 128+n when %s ends it', async (signal) => {
    using directory = lockDirectory();
    const args = ['run', 'x', '--', 'sh', '-c', `ulimit -c 0; kill -${signal.slice(3)} $$`];
    const { status } = await lockutils(args, within(directory.path));
    expect(status).toBe(128 + constants.signals[signal]);
  });

  it('passes signals on, stays until the command has ended, and keeps its status', async () => {
    using directory = lockDirectory();
    const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGXCPU'] as const;
    const forwarded = signals.map(async (signal) => {
      const script = `trap 'echo got; sleep 0.05; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`;
      await using command = startLockutils(['run', signal, '--', 'sh', '-c', script], within(directory.path));
      await command.says(/ready/);
      command.process.kill(signal);
      expect(await command.ended).toMatchObject({ status: 9, stdout: 'ready\ngot\n' });
    });
    await Promise.all(forwarded);
  });

  it('says 127 when there is no such command and 126 when it cannot be executed, and frees the lock', async () => {
    using directory = lockDirectory();
    writeFileSync(join(directory.path, 'data'), 'x', { mode: 0o644 });
    const missing = await lockutils(['run', 'x', '--', 'no-such-program'], within(directory.path));
    expect(missing).toMatchObject({ status: 127, stderr: 'lockutils: cannot run no-such-program: no such program\n' });
    const plain = await lockutils(['run', 'x', '--', join(directory.path, 'data')], within(directory.path));
    expect(plain).toMatchObject({ status: 126, stderr: expect.stringContaining('not executable') });
    await (await lock('x', { external: true, lockPath: directory.path, blocking: false })).release();
  });

  it('takes for its own no option that follows the command, with or without --', async () => {
    using directory = lockDirectory();
    const show = ['sh', '-c', 'printf "[%s]" "$@"', 'sh'];
    const words = ['-n', '--timeout', '5', '--help', '-V', '--', '--shared', '-E', '300', ''];
    const given = words.map((word) => `[${word}]`).join('');
    // Each with a lock of its own: one that waited for another for a second would report that on standard error.
    const before = [
      ['a'],
      ['b', '--'],
      ['-q', 'c'],
      ['d', '--label', 'a', '-qs'],
      ['--fair', 'e', '--timeout=9', '--'],
      ['--', '-x'],
      ['-q', '--', '--timeout'],
    ];
    const ended = before.map((own) => lockutils(['run', ...own, ...show, ...words], within(directory.path)));
    for (const [index, end] of (await Promise.all(ended)).entries()) {
      expect({ own: before[index], ...end }).toMatchObject({ status: 0, stdout: given, stderr: '' });
    }
    expect(existsSync(join(directory.path, '-x')) && existsSync(join(directory.path, '--timeout'))).toBe(true);
    for (const wrong of [
      ['x', '--no-such', 'true'],
      ['--no-such', 'x', 'true'],
      ['x', '-n'],
      ['x', '-w', 'true'],
    ]) {
      expect(await lockutils(['run', ...wrong], within(directory.path))).toMatchObject({ status: 64, stdout: '' });
    }
  });

  it.each(['kill', 'leave', 'hold'])('gives the command its environment as it is with --if-killed %s', async (what) => {
    using directory = lockDirectory();
    // What a shell in between would lose, set or die of.
    const odd = {
      'BASH_FUNC_f%%': '() { :; }',
      'with.dot': '1',
      'with-dash': '2',
      IFS: 'x',
      OPTIND: 'none',
      PPID: '7',
      PWD: '/nowhere',
      OSLO_LOCK_PATH: directory.path,
    };
    const dump = `require('fs').writeSync(1, JSON.stringify(process.env))`;
    const args = ['run', 'x', '--if-killed', what, '--', process.execPath, '-e', dump];
    const { stdout } = await lockutils(args, odd);
    const { _, ...given } = JSON.parse(stdout);
    const { _: __, ...expected }: NodeJS.ProcessEnv = { ...process.env, ...odd };
    expect(given).toEqual(expected);
  });

  it.runIf(linux)('runs a command in whose name is a =, and says which one has no interpreter', async () => {
    using directory = lockDirectory();
    const script = (name: string, text: string): string => {
      const path = join(directory.path, name);
      writeFileSync(path, text);
      chmodSync(path, 0o755);
      return path;
    };
    const named = await lockutils(['run', 'x', '--', script('a=b', '#!/bin/sh\necho ran')], within(directory.path));
    expect(named).toMatchObject({ status: 0, stdout: 'ran\n' });
    const bad = script('bad', '#!/no/such\n');
    const ends = await Promise.all(
      ['kill', 'leave'].map((what) => lockutils(['run', 'y', '--if-killed', what, '--', bad], within(directory.path))),
    );
    for (const { status, stderr } of ends) {
      expect(status).toBe(127);
      expect(stderr).toContain(bad);
    }
  });

  it('exits with 1, or what was asked for, when the lock is not free or not in time', async () => {
    using directory = lockDirectory();
    await using held = await lock('x', { external: true, lockPath: directory.path, label: 'the holder' });
    const ends = (...args: string[]): ReturnType<typeof lockutils> =>
      lockutils(['run', 'x', ...args, '--', 'echo', 'ran'], within(directory.path));
    expect(await ends('--no-wait')).toMatchObject({ status: 1, stdout: '' });
    expect(await ends('-n', '-E', '42')).toMatchObject({ status: 42, stdout: '' });
    const late = await ends('--timeout', '50ms', '--conflict-exit-code', '0');
    expect(late).toMatchObject({ status: 0, stdout: '' });
    // G18
    expect(late.stderr).toContain(`held by pid ${process.pid}`);
    expect(late.stderr).toContain('the holder');
    expect(await ends('-w', '0.05', '-q')).toMatchObject({ status: 1, stderr: '' });
    await held.release();
    expect(await ends('--no-wait')).toMatchObject({ status: 0, stdout: 'ran\n' });
  });

  it('shares with --shared, admits n with --permits n, and means the same lock as lock()', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path, lockFilePrefix: 'nova' };
    await using reader = await lock('read/all', { ...options, shared: true });
    await using one = await lock('pool', { ...options, permits: 2 });
    const status = async (...args: string[]): Promise<number | null> =>
      (await lockutils(['run', '--prefix', 'nova', '-n', ...args, '--', 'true'], within(directory.path))).status;
    expect(await status('--shared', 'read/all')).toBe(0);
    expect(await status('read/all')).toBe(1);
    expect(await status('--permits', '2', 'pool')).toBe(0);
    await using two = await lock('pool', { ...options, permits: 2 });
    expect(await status('--permits', '2', 'pool')).toBe(1);
    expect([reader, one, two].every((held) => !held.released)).toBe(true);
  });

  it('G10 serves in order of arrival with --fair', async () => {
    using directory = lockDirectory();
    const log = join(directory.path, 'order.txt');
    await using held = await lock('x', { external: true, lockPath: directory.path, fair: true });
    const started = [];
    for (let i = 0; i < 3; i += 1) {
      const command = startLockutils(
        ['run', 'x', '--fair', '--', 'sh', '-c', `echo ${i} >> "$1"`, 'sh', log],
        within(directory.path),
      );
      started.push(command);
      await expect.poll(async () => (await status(directory.path)).waiters).toBe(i + 1);
    }
    await held.release();
    for (const command of started) expect((await command.ended).status).toBe(0);
    expect(readFileSync(log, 'utf8')).toBe('0\n1\n2\n');
  });

  it('is named by its label, else by the command and its script, and by no other argument', async () => {
    using directory = lockDirectory();
    writeFileSync(join(directory.path, 'deploy.sh'), 'echo ready; read line');
    const label = async (...args: string[]): Promise<string | undefined> => {
      await using command = startLockutils(['run', 'x', ...args], within(directory.path));
      await command.says(/ready/);
      return (await status(directory.path)).holders[0]?.label;
    };
    const script = join(directory.path, 'deploy.sh');
    expect(await label('--', '/bin/sh', script, 'a-secret')).toBe(`sh ${script}`);
    expect(await label('--', '/bin/sh', '-c', 'echo ready; read line', 'a-secret')).toBe('sh');
    expect(await label('--label', 'deploy by ann', '--', 'sh', script)).toBe('deploy by ann');
  });

  it('tells the command that the last holder died (G19)', async () => {
    using directory = lockDirectory();
    await using victim = await Contender.start();
    await victim.acquire('x', { external: true, lockPath: directory.path });
    await victim.end();
    const died = async (): Promise<string> =>
      (await lockutils(['run', 'x', '--', 'sh', '-c', 'echo "[$OSLO_PREVIOUS_OWNER_DIED]"'], within(directory.path)))
        .stdout;
    expect(await died()).toBe('[1]\n');
    expect(await died()).toBe('[]\n');
  });

  it('G7 a signal while waiting ends it by that signal at once, and leaves no place in the line', async () => {
    using directory = lockDirectory();
    await using held = await lock('x', { external: true, lockPath: directory.path });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      await using command = startLockutils(['run', 'x', '--', 'echo', 'ran'], within(directory.path));
      await expect.poll(async () => (await status(directory.path)).waiters).toBe(1);
      command.process.kill(signal);
      expect(await command.ended).toMatchObject({ signal, stdout: '' });
      expect((await status(directory.path)).waiters).toBe(0);
    }
    expect(held.released).toBe(false);
  });

  it('says on a pipe who is waited for', async () => {
    using directory = lockDirectory();
    const held = await lock('x', { external: true, lockPath: directory.path, label: 'node deploy.js' });
    await using command = startLockutils(['run', 'x', '--', 'echo', 'ran'], within(directory.path));
    await command.says(/^lockutils: waiting for x, held by pid \d+ \(node deploy\.js\) on \S+ for \d+ s\n$/);
    await held.release();
    expect(await command.ended).toMatchObject({ status: 0, stdout: 'ran\n' });
  });

  it('refuses wrong usage with 64, and a lock path that cannot be used with 71, before anything is run', async () => {
    using directory = lockDirectory();
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [64, ['x']],
      [64, ['x', '--timeout', 'soon', '--', 'echo', 'ran']],
      [64, ['x', '--permits', '0', '--', 'echo', 'ran']],
      [64, ['x', '--permits', '2', '--shared', '--', 'echo', 'ran']],
      [64, ['x', '--no-wait', '--timeout', '1', '--', 'echo', 'ran']],
      [64, ['x', '-E', '256', '--', 'echo', 'ran']],
      [64, ['', '--', 'echo', 'ran']],
      [64, ['..', '--', 'echo', 'ran']],
      [64, ['x', '--lock-path', '', '--', 'echo', 'ran']],
      [71, ['x', '--lock-path', join(directory.path, 'missing'), '--', 'echo', 'ran']],
      [71, ['x', '--', 'echo', 'ran']],
    ];
    const ended = cases.map(([, args]) => lockutils(['run', ...args], { OSLO_LOCK_PATH: '' }));
    for (const [index, [status]] of cases.entries()) {
      const end = await ended[index];
      expect({ args: cases[index]?.[1], ...end }).toMatchObject({
        status,
        stdout: '',
        stderr: expect.stringMatching(/./),
      });
    }
    expect((await ended.at(-1))?.stderr).toContain('--lock-path');
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('takes the lock path from INI files, of which an earlier one may set it', async () => {
    using directory = lockDirectory();
    const [file, other] = ['nova.conf', 'logging.conf'].map((name) => join(directory.path, name)) as [string, string];
    writeFileSync(file, `[oslo_concurrency]\nlock_path = ${directory.path}\n`);
    writeFileSync(other, '[DEFAULT]\nlog_file = /dev/null\n');
    const args = ['run', 'x', '--config-file', file, '--config-file', other, '--', 'true'];
    expect(await lockutils(args, { OSLO_LOCK_PATH: '' })).toMatchObject({ status: 0 });
    expect(existsSync(join(directory.path, 'x'))).toBe(true);
  });

  it('tells where the lock path of an INI file belongs that has it in [DEFAULT]', async () => {
    using directory = lockDirectory();
    const file = join(directory.path, 'nova.conf');
    writeFileSync(file, `[DEFAULT]\nlock_path = ${directory.path}\n`);
    const { status, stderr } = await lockutils(['run', 'x', `--config-file=${file}`, '--', 'true']);
    expect(status).toBe(71);
    expect(stderr).toContain('move it to [oslo_concurrency]');
  });
});

async function status(lockPath: string): Promise<Awaited<ReturnType<typeof listLocks>>[number]> {
  const [found] = await listLocks({ lockPath });
  if (found === undefined) throw new Error('no lock is listed');
  return found;
}
