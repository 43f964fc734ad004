import { join } from 'node:path';
import { listLocks, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { hasPython } from '../../../../../installed.js';
import { noticePeriods } from '../../../src/cli/terminal/wait-notice.js';
import { startOnTerminal } from '../../support/command.js';
import { lockDirectory } from '../../support/lock-directory.js';

const ctrlC = '\u0003';

describe.runIf(hasPython)('lockutils run on a terminal', () => {
  it('shows one line that says who is waited for, clears it, and gives the command the terminal', async () => {
    using directory = lockDirectory();
    const held = await lock('x', { external: true, lockPath: directory.path, label: 'node deploy.js' });
    const script = 'test -t 0 && test -t 1 && test -t 2 && echo on a terminal';
    await using command = startOnTerminal(['run', 'x', '--', 'sh', '-c', script], { OSLO_LOCK_PATH: directory.path });
    await command.says(/\r.\[2Kwaiting for x, held by pid \d+ \(node deploy\.js\) on \S+ for \d+ s/);
    await command.says(/(\r.\[2Kwaiting.*){2}/);
    await held.release();
    const { stdout } = await command.ended;
    expect(stdout).toMatch(/\r.\[2Kon a terminal\r\n\nended 0\n$/);
  });

  it('ends by Ctrl-C while it waits, and clears its line', async () => {
    using directory = lockDirectory();
    await using held = await lock('x', { external: true, lockPath: directory.path });
    await using command = startOnTerminal(['run', 'x', '--', 'true'], { OSLO_LOCK_PATH: directory.path });
    await command.says(/waiting for x/);
    command.process.stdin?.write(ctrlC);
    const { stdout } = await command.ended;
    // The terminal echoes ^C only when it has sent the signal.
    expect(stdout).toMatch(/\r.\[2K(\^C)?\nended -2\n$/);
    expect(held.released).toBe(false);
  });

  it('leaves the terminal alone while it waits as a job in the background', async () => {
    using directory = lockDirectory();
    const held = await lock('x', { external: true, lockPath: directory.path });
    // On the terminal runs a lockutils, whose command is a shell that starts another one as a job.
    const inner = [
      process.execPath,
      join(import.meta.dirname, '../../../bin/lockutils.js'),
      'run',
      'x',
      '--',
      'echo',
      'ran',
    ];
    const args = ['run', 'shell', '--', 'sh', '-mc', '"$@" & wait', 'sh', ...inner];
    await using command = startOnTerminal(args, { OSLO_LOCK_PATH: directory.path });
    const waiters = async (): Promise<number | undefined> =>
      (await listLocks({ lockPath: directory.path })).find(({ name }) => name === 'x')?.waiters;
    await expect.poll(waiters).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, noticePeriods.terminal.first + 300));
    await held.release();
    const { stdout } = await command.ended;
    expect(stdout).toContain('ran');
    expect(stdout).not.toContain('waiting');
    expect(stdout).not.toContain('\u001b');
  });

  it('tells a terminal that cannot clear a line as it tells a log', async () => {
    using directory = lockDirectory();
    const held = await lock('x', { external: true, lockPath: directory.path });
    const env = { OSLO_LOCK_PATH: directory.path, TERM: 'dumb' };
    await using command = startOnTerminal(['run', 'x', '--', 'echo', 'ran'], env);
    await command.says(/^lockutils: waiting for x, held by pid \d+ .*\r\n$/);
    await held.release();
    expect((await command.ended).stdout).not.toContain('\u001b');
  });

  it('leaves Ctrl-C to the terminal, which gives it to the command itself, and passes other signals on', async () => {
    using directory = lockDirectory();
    // Out of reach of the terminal: what it gets comes from lockutils.
    const script = `trap 'echo got INT' INT; trap 'echo got USR1; exit 4' USR1; echo "ready $PPID"
      while :; do sleep 0.02; done`;
    await using command = startOnTerminal(['run', 'x', '--', 'setsid', 'sh', '-c', script], {
      OSLO_LOCK_PATH: directory.path,
    });
    const pid = Number((await command.says(/ready (\d+)/))[1]);
    command.process.stdin?.write(ctrlC);
    // The terminal echoes it when it has sent the signal.
    await command.says(/\^C/);
    process.kill(pid, 'SIGUSR1');
    const { stdout } = await command.ended;
    expect(stdout).toMatch(/\^Cgot USR1\r\n\nended 4\n$/);
  });

  it('outlives Ctrl-C until the command has ended', async () => {
    using directory = lockDirectory();
    const script = `trap 'sleep 0.1; echo got INT; exit 4' INT; echo ready; while :; do sleep 0.02; done`;
    await using command = startOnTerminal(['run', 'x', '--', 'sh', '-c', script], { OSLO_LOCK_PATH: directory.path });
    await command.says(/ready/);
    command.process.stdin?.write(ctrlC);
    expect((await command.ended).stdout).toMatch(/got INT\r\n\nended 4\n$/);
    expect(await listLocks({ lockPath: directory.path })).toMatchObject([{ state: 'free', abandonedBy: undefined }]);
  });

  it('ends by Ctrl-C when the command does, so that a shell stops its loop', async () => {
    using directory = lockDirectory();
    await using command = startOnTerminal(['run', 'x', '--', 'sh', '-c', 'echo ready; exec sleep 600'], {
      OSLO_LOCK_PATH: directory.path,
    });
    await command.says(/ready/);
    command.process.stdin?.write(ctrlC);
    expect((await command.ended).stdout).toMatch(/\nended -2\n$/);
    expect(await listLocks({ lockPath: directory.path })).toMatchObject([{ state: 'free', abandonedBy: undefined }]);
  });
});
