import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { hasPython } from '../../../../../installed.js';
import { startLockutils, startOnTerminal } from '../../support/command.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const ctrlC = '\u0003';

describe.each(['kernel', 'lockfile'] as const)('lockutils ls --watch into a pipe, with the %s driver', (driver) => {
  it('prints what is in use, then each change as a line, and ends at SIGINT with status 0', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path, driver } as const;
    const held = await lock('x', { ...options, label: 'deploy' });
    await using command = startLockutils(['ls', '--watch'], { OSLO_LOCK_PATH: directory.path });
    await command.says(new RegExp(`^\\d{4}-\\S+Z x held by pid ${process.pid} \\(deploy\\) on \\S+$`, 'm'));
    await using waiter = await Contender.start();
    const { granted } = await waiter.queue('x', options);
    await command.says(/Z x held by .*, 1 waiting$/m);
    await held.release();
    await granted;
    await command.says(new RegExp(`Z x held by pid ${waiter.pid} .*$`, 'm'));
    await waiter.end();
    await command.says(new RegExp(`Z x free, pid ${waiter.pid} .* died holding it$`, 'm'));
    command.process.kill('SIGINT');
    const { status, signal, stderr } = await command.ended;
    expect([status, signal, stderr]).toEqual([0, null, '']);
  });
});

it('lockutils ls --watch --json prints each change as an object on a line, and ends by any other signal', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path } as const;
  await (await lock('unused', options)).release();
  await using command = startLockutils(['ls', '--watch', '--json', '--lock-path', directory.path]);
  const held = await lock('x', { ...options, removeOnRelease: true });
  await command.says(/"name":"x"/);
  await held.release();
  await command.says(/"state":"removed"/);
  command.process.kill('SIGTERM');
  const { signal, stdout } = await command.ended;
  expect(signal).toBe('SIGTERM');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines[0]).toMatchObject({
    name: 'x',
    state: 'held',
    holders: [{ pid: process.pid }],
    at: expect.stringMatching(/Z$/),
  });
  expect(lines.at(-1)).toMatchObject({ name: 'x', state: 'removed', holders: [], waiters: 0 });
  expect(stdout).not.toContain('unused');
});

it('lockutils ls --watch ends when its reader has gone', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path } as const;
  await using held = await lock('x', options);
  await using command = startLockutils(['ls', '--watch'], { OSLO_LOCK_PATH: directory.path });
  await command.says(/x held/);
  command.process.stdout?.destroy();
  const other = await lock('y', options);
  const { status, stderr } = await command.ended;
  expect([status, stderr]).toEqual([0, '']);
  await other.release();
  expect(held.released).toBe(false);
});

it('lockutils ls --watch of a lock path that is not there says so, and watches nothing', async () => {
  const { status, stdout, stderr } = await startLockutils(['ls', '--watch', '--lock-path', '/nowhere/locks']).ended;
  expect([status, stdout]).toEqual([71, '']);
  expect(stderr).toMatch(/^lockutils: .*\/nowhere\/locks/);
});

describe.runIf(hasPython)('lockutils ls --watch on a terminal', () => {
  const enter = '\u001b[?1049h\u001b[?25l';
  const leave = '\u001b[?25h\u001b[?1049l';

  it('draws a table that stays current, those in use first, and restores screen and cursor at Ctrl-C', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path } as const;
    await (await lock('a', options)).release();
    await using command = startOnTerminal(['ls', '--watch'], { OSLO_LOCK_PATH: directory.path, TERM: 'xterm' });
    await command.says(/0 held, 0 waiting, 1 unused/);
    const held = await lock('b', options);
    await command.says(/1 held, 0 waiting, 1 unused/);
    const inUseFirst = `HOLDER\\S*\\s+b +held +\\d+ s +0 +pid ${process.pid} .*\\s+a +free`;
    await command.says(new RegExp(inUseFirst));
    // Ages grow without a change. A table that is drawn late may show no age of one second.
    await command.says(/b +held +[1-9]\d* s/);
    await held.release();
    await command.says(/b +held[\s\S]*0 held, 0 waiting, 2 unused/);
    command.process.stdin?.write(ctrlC);
    const { stdout } = await command.ended;
    expect(stdout.startsWith(enter)).toBe(true);
    expect(stdout).toMatch(/\nended 0\n$/);
    expect(stdout.split(enter)).toHaveLength(2);
    expect(stdout.slice(stdout.lastIndexOf(leave)).length).toBeLessThan(leave.length + 20);
  });

  it('restores screen and cursor before it ends by SIGTERM', async () => {
    using directory = lockDirectory();
    await using held = await lock('a', { external: true, lockPath: directory.path });
    await using command = startOnTerminal(['ls', '--watch'], { OSLO_LOCK_PATH: directory.path, TERM: 'xterm' });
    await command.says(/1 held/);
    const [child] = readFileSync(`/proc/${command.pid}/task/${command.pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(child), 'SIGTERM');
    const { stdout } = await command.ended;
    expect(stdout.slice(stdout.lastIndexOf(leave)).trim().split(/\s+/)).toEqual([leave, 'ended', '-15']);
    expect(held.released).toBe(false);
  });

  it('writes lines where the terminal can clear nothing', async () => {
    using directory = lockDirectory();
    await using held = await lock('a', { external: true, lockPath: directory.path });
    await using command = startOnTerminal(['ls', '--watch'], { OSLO_LOCK_PATH: directory.path, TERM: 'dumb' });
    await command.says(/Z a held by/);
    command.process.stdin?.write(ctrlC);
    expect((await command.ended).stdout).not.toContain('\u001b');
    expect(held.name).toBe('a');
  });
});

describe('lockutils history', () => {
  it.runIf(hasPython)('draws who held the lock when, as text, until its time is over', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path } as const;
    await using other = await Contender.start();
    const held = await lock('x', { ...options, label: 'deploy' });
    const { granted } = await other.queue('x', options);
    const args = ['history', 'x', '--for', '3s'];
    await using command = startOnTerminal(args, { OSLO_LOCK_PATH: directory.path });
    await command.says(/watching x; Ctrl-C ends that and draws it/);
    await held.release();
    await granted;
    const { stdout } = await command.ended;
    const text = stdout.replaceAll('\r', '');
    expect(text).toMatch(new RegExp(`^ *pid ${process.pid} \\|a+ *\\|$`, 'm'));
    expect(text).toMatch(new RegExp(`^ *pid ${other.pid} \\| *a+\\|$`, 'm'));
    expect(text).toMatch(/^ *waiting \| *-+ *\|$/m);
    expect(text).toMatch(new RegExp(`^pid ${process.pid} {2}deploy on \\S+: held once, \\d+ m?s$`, 'm'));
    expect(text).toMatch(/^\d+ looks\n\nended 0\n$/m);
  });

  it('writes the picture or the page that the name of the file asks for, and ends early by Ctrl-C', async () => {
    using directory = lockDirectory();
    await using held = await lock('x<y', { external: true, lockPath: directory.path, lockFilePrefix: 'p' });
    for (const [file, start] of [
      ['x.svg', '<svg '],
      ['x.html', '<!doctype html>'],
    ] as const) {
      const output = join(directory.path, '..', `${process.pid}-${file}`);
      const args = ['history', 'x<y', '--prefix', 'p', '--for', '1h', '-o', output, '--lock-path', directory.path];
      const command = startLockutils(args);
      await expect.poll(() => watched(command.pid)).toBe(true);
      command.process.kill('SIGINT');
      const { status, stdout, stderr } = await command.ended;
      expect([status, stdout, stderr]).toEqual([0, '', '']);
      const drawn = readFileSync(output, 'utf8');
      expect(drawn.startsWith(start)).toBe(true);
      expect(drawn).toContain(`pid ${process.pid}`);
      expect(drawn).toContain('p-x&#60;y');
    }
    expect(held.released).toBe(false);
  });

  it.each([
    [['history', 'x', '--output', 'x.png'], 64, /--format/],
    [['history', 'x', '--format', 'png'], 64, /text, svg, html/],
    [['history', 'x', '--for', 'soon'], 64, /Expected a number of seconds/],
    [['history', '..'], 64, /\.\./],
    [['history'], 64, /name/],
    [['history', 'x', '--lock-path', '/nowhere/locks'], 71, /\/nowhere\/locks/],
    [['history', 'x', '--output', '/nowhere/x.svg'], 71, /\/nowhere\/x\.svg/],
  ])('refuses %j at once, with status %i', async (args, expected, said) => {
    using directory = lockDirectory();
    const { status, stderr } = await startLockutils(args, { OSLO_LOCK_PATH: directory.path }).ended;
    expect(stderr).toMatch(said);
    expect(status).toBe(expected);
  });
});

/** Whether a process has a watcher of files. */
function watched(pid: number): boolean {
  for (let fd = 0; fd < 40; fd += 1) {
    try {
      if (readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').includes('inotify wd:')) return true;
    } catch {
      // It has no such descriptor.
    }
  }
  return false;
}
