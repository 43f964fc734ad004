import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listLocks, lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { noticePeriods } from '../../src/cli/terminal/wait-notice.js';
import { type StartedCommand, startLockutils, startWrapper } from '../support/command.js';
import { lockDirectory } from '../support/lock-directory.js';

/** From now on nobody reads what the command says. */
function turnAway({ process }: StartedCommand, ...streams: readonly ('stdout' | 'stderr')[]): void {
  for (const stream of streams) process[stream]?.destroy();
}

it('lockutils run goes on waiting, and runs the command, when nobody reads its notices', async () => {
  using directory = lockDirectory();
  const held = await lock('x', { external: true, lockPath: directory.path });
  await using command = startLockutils(['run', 'x', '--', 'sh', '-c', 'exit 9'], { OSLO_LOCK_PATH: directory.path });
  turnAway(command, 'stderr');
  await expect.poll(async () => (await listLocks({ lockPath: directory.path }))[0]?.waiters).toBe(1);
  // The first notice comes after a second; on a machine where it comes later yet this proves nothing, and fails nothing.
  await new Promise((resolve) => setTimeout(resolve, noticePeriods.log.first + 300));
  expect(command.process.exitCode).toBe(null);
  await held.release();
  expect((await command.ended).status).toBe(9);
});

it('a reader that has seen enough is no failure', async () => {
  using directory = lockDirectory();
  await (await lock('x', { external: true, lockPath: directory.path })).release();
  const env = { OSLO_LOCK_PATH: directory.path };
  for (const args of [['ls'], ['ls', '--json'], ['clean', '--dry-run'], ['--help'], ['run', '--help']]) {
    await using command = startLockutils(args, env);
    turnAway(command, 'stdout');
    expect(await command.ended, args.join(' ')).toMatchObject({ status: 0, stderr: '' });
  }
  await using wrapper = startWrapper(['--help']);
  turnAway(wrapper, 'stdout');
  expect(await wrapper.ended).toMatchObject({ status: 0, stderr: '' });
});

it('lockutils-wrapper removes its directory when nobody reads what it has to say', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wrapper-test-'));
  try {
    await using command = startWrapper(['no-such-program'], { TMPDIR: scratch });
    turnAway(command, 'stdout', 'stderr');
    expect((await command.ended).status).toBe(127);
    expect(readdirSync(scratch)).toEqual([]);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

it.runIf(existsSync('/dev/full'))(
  'says in a line that there is no room for what it prints, and exits with 71',
  async () => {
    using directory = lockDirectory();
    const program = new URL('../../bin/', import.meta.url).pathname;
    for (const words of ['lockutils.js ls', 'lockutils.js clean --json', 'lockutils-wrapper.js --help']) {
      const run = `exec "${process.execPath}" ${program}${words} > /dev/full`;
      const { code, stderr } = await new Promise<{ code: unknown; stderr: string }>((resolve) => {
        const env = { ...process.env, OSLO_LOCK_PATH: directory.path };
        execFile('/bin/sh', ['-c', run], { env }, (error, _, said) => resolve({ code: error?.code, stderr: said }));
      });
      expect([words, code, stderr]).toEqual([
        words,
        71,
        expect.stringMatching(/^lockutils: cannot write .*ENOSPC.*\n$/),
      ]);
    }
  },
);
