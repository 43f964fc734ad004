import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { listLocks, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { hasPython, python } from '../../../../../installed.js';
import { gone, lockutils, type StartedCommand, startLockutils } from '../../support/command.js';
import { lockDirectory } from '../../support/lock-directory.js';

const within = (path: string): NodeJS.ProcessEnv => ({ OSLO_LOCK_PATH: path });
const linux = process.platform === 'linux';
const leavesZombie = `import os, sys
pid = os.fork() or os._exit(0)
os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
print(pid, flush=True)
sys.stdin.read()`;

describe.runIf(linux)('lockutils run that is killed', () => {
  it('G17 gives the command no descriptor of the lock', async () => {
    using directory = lockDirectory();
    const modes = [[], ['--shared'], ['--permits', '2'], ['--fair'], ['--if-killed', 'leave']];
    const ended = modes.map((more, i) => {
      const args = ['run', `x${i}`, ...more, '--', 'sh', '-c', 'ls -l /proc/$$/fd'];
      return lockutils(args, within(directory.path));
    });
    for (const { stdout } of await Promise.all(ended)) {
      expect(stdout).toContain('->');
      expect(stdout).not.toContain(directory.path);
    }
  });

  const sleeper = ['sh', '-c', 'echo pid $$; exec sleep 600'];
  const programOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  /** The pid of the sleeper, once the shell has become it: it may have written its pid long before. */
  async function sleeping(command: StartedCommand): Promise<number> {
    const pid = Number((await command.says(/pid (\d+)\n/))[1]);
    await expect.poll(() => programOf(pid)).toBe('sleep');
    return pid;
  }

  it('G1 G17 frees the lock at SIGKILL, and takes the command with it', async () => {
    using directory = lockDirectory();
    await using command = startLockutils(['run', 'x', '--', ...sleeper], within(directory.path));
    const pid = Number((await command.says(/pid (\d+)/))[1]);
    command.process.kill('SIGKILL');
    await using next = await lock('x', { external: true, lockPath: directory.path });
    expect(next.previousOwnerDied).toBe(true);
    await gone(pid);
  });

  // What death-watch starts, with the pid of another parent.
  async function start(parent: number) {
    const { deathWatch } = await import('../../../build/cli/child/death-watch.js');
    const watch = deathWatch();
    if (watch === undefined) throw new Error('setpriv of the Debian package util-linux is missing');
    const [file = '', ...rest] = watch.map((word) => word.replace(`/${process.pid}/`, `/${parent}/`));
    return spawnSync(file, [...rest, 'echo', 'ran'], { encoding: 'utf8' });
  }

  it('ends the command before it begins when lockutils was killed while starting it', async () => {
    expect(await start(process.pid)).toMatchObject({ status: 0, stdout: 'ran\n' });
    const ended = spawnSync('true').pid;
    expect(await start(ended)).toMatchObject({ status: 125, stdout: '' });
  });

  it.runIf(hasPython)(
    'ends the command before it begins when nobody has waited for the killed lockutils yet',
    async () => {
      const zombie = spawn(python, ['-c', leavesZombie], { stdio: ['pipe', 'pipe', 'inherit'] });
      try {
        const [pid] = (await once(zombie.stdout, 'data')) as [Buffer];
        expect(await start(Number(pid.toString()))).toMatchObject({ status: 125, stdout: '' });
      } finally {
        zombie.stdin.end();
      }
    },
  );

  it('--if-killed hold lets the command keep the lock, and it is the holder then', async () => {
    using directory = lockDirectory();
    for (const more of [[], ['--shared'], ['--permits', '1']]) {
      const args = ['run', 'x', '--if-killed', 'hold', ...more, '--', ...sleeper];
      await using command = startLockutils(args, within(directory.path));
      const pid = await sleeping(command);
      command.process.kill('SIGKILL');
      await command.exited;
      expect(await status(directory.path)).toMatchObject({ holders: [{ pid, command: 'sleep' }] });
      expect((await lockutils(['run', 'x', '-n', '--', 'true'], within(directory.path))).status).toBe(1);
      process.kill(pid, 'SIGKILL');
      expect((await lockutils(['run', 'x', '-w', '5', '--', 'true'], within(directory.path))).status).toBe(0);
    }
  });

  it('--if-killed hold is refused with a driver that cannot, and leaves nothing', async () => {
    using directory = lockDirectory();
    const env = { ...within(directory.path), OSLO_LOCK_DRIVER: 'lockfile' };
    const { status, stderr, stdout } = await lockutils(['run', 'x', '--if-killed', 'hold', '--', 'echo', 'ran'], env);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toContain('--if-killed hold works with the driver kernel only; configured is lockfile');
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('--if-killed hold keeps the lock for what the command left running', async () => {
    using directory = lockDirectory();
    const script = 'sleep 600 >/dev/null 2>&1 & echo pid $!';
    const args = ['run', 'x', '--if-killed', 'hold', '--', 'sh', '-c', script];
    const { status: ended, stdout } = await lockutils(args, within(directory.path));
    const pid = Number(/pid (\d+)/.exec(stdout)?.[1]);
    try {
      expect(ended).toBe(0);
      expect(await status(directory.path)).toMatchObject({ state: 'held', holders: [{ pid }] });
    } finally {
      process.kill(pid, 'SIGKILL');
    }
    await (await lock('x', { external: true, lockPath: directory.path })).release();
  });

  it('--if-killed leave lets the command go on without the lock', async () => {
    using directory = lockDirectory();
    await using command = startLockutils(
      ['run', 'x', '--if-killed', 'leave', '--', ...sleeper],
      within(directory.path),
    );
    const pid = await sleeping(command);
    command.process.kill('SIGKILL');
    await (await lock('x', { external: true, lockPath: directory.path })).release();
    expect(programOf(pid)).toBe('sleep');
    process.kill(pid, 'SIGKILL');
  });
});

async function status(lockPath: string): Promise<Awaited<ReturnType<typeof listLocks>>[number]> {
  const [found] = await listLocks({ lockPath });
  if (found === undefined) throw new Error('no lock is listed');
  return found;
}
