import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type LockOptions, type LockStatus, listLocks, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { hasPython, python } from '../../../../../../installed.js';
import { Contender } from '../../../support/contender.js';
import { killChild } from '../../../support/kill-child.js';
import { lockDirectory } from '../../../support/lock-directory.js';
import { statusOf } from '../../../support/lock-status.js';

describe.runIf(process.platform === 'linux')('listLocks reads the table of locks of the kernel', () => {
  it.runIf(hasPython)('sees the locks of programs that leave no record', async () => {
    using directory = lockDirectory();
    writeFileSync(join(directory.path, 'theirs'), 'not ours\n');
    const program =
      'import fcntl,sys; f=open(sys.argv[1],"a"); fcntl.lockf(f,fcntl.LOCK_EX); print("held",flush=True); sys.stdin.read()';
    const holder = spawn(python, ['-c', program, join(directory.path, 'theirs')]);
    try {
      await once(holder.stdout, 'data');
      const [status] = await listLocks({ lockPath: directory.path });
      expect(status).toMatchObject({
        name: 'theirs',
        state: 'held',
        holders: [{ pid: holder.pid, command: 'python3' }],
      });
    } finally {
      holder.kill();
    }
    await once(holder, 'exit');
    const held = await lock('ours', { external: true, lockPath: directory.path });
    const waiter = spawn(python, ['-c', program, join(directory.path, 'ours')]);
    const waiters = async () => (await statusOf(directory.path, 'ours')).waiters;
    try {
      await expect.poll(waiters).toBe(1);
      await held.release();
      await once(waiter.stdout, 'data');
    } finally {
      waiter.kill();
    }
    await once(waiter, 'exit');
    rmSync(join(directory.path, 'ours'));
    expect(await listLocks({ lockPath: directory.path })).toEqual([]);
  });

  it('says unknown of what others may hold unseen, outside of the container it runs in', async (context) => {
    if (!permits('unshare', '--pid', '--fork', '--mount-proc', 'true')) return context.skip('no pid namespaces here');
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    writeFileSync(join(directory.path, 'oslo'), '');
    await (await lock('ours', options)).release();
    await (await lock('pool', { ...options, permits: 2 })).release();
    await using held = await lock('held', options);
    const bin = fileURLToPath(new URL('../../../../bin/lockutils.js', import.meta.url));
    const args = [
      '--pid',
      '--fork',
      '--mount-proc',
      process.execPath,
      bin,
      'ls',
      '--json',
      '--lock-path',
      directory.path,
    ];
    const found = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as LockStatus[];
    expect(found.map(({ name, state }) => [name, state])).toEqual([
      ['held', 'held'],
      ['oslo', 'unknown'],
      ['ours', 'free'],
      ['pool', 'free'],
    ]);
    const inContainer = readlinkSync('/proc/self/ns/pid') !== 'pid:[4026531836]';
    expect(await statusOf(directory.path, 'oslo')).toMatchObject({ state: inContainer ? 'unknown' : 'free' });
    expect(held.released).toBe(false);
  });

  it('counts every holder and waiter once, while others take and release locks all the time', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const alone = Array.from({ length: 10 }, (_, index) => `alone-${index}`);
    for (const name of alone) await lock(name, { ...options, fair: true });
    for (let readers = 0; readers < 3; readers += 1) await lock('read', { ...options, shared: true });
    await using waiter = await Contender.start();
    await waiter.queue('alone-0', { ...options, fair: true });
    using others = lockDirectory();
    const churning = fork(fileURLToPath(new URL('../../../fixtures/churns-locks.mjs', import.meta.url)), [others.path]);
    try {
      await once(churning, 'message');
      const expected = [
        ...alone.map((name, index) => ({ name, state: 'held', holders: 1, waiters: index === 0 ? 1 : 0 })),
        { name: 'read', state: 'shared', holders: 3, waiters: 0 },
      ];
      for (let look = 0; look < 30; look += 1) {
        const found = await listLocks({ lockPath: directory.path });
        const shown = found.map(({ name, state, holders, waiters }) => ({
          name,
          state,
          holders: holders.length,
          waiters,
        }));
        expect(shown).toEqual(expected);
      }
    } finally {
      await killChild(churning);
    }
  });

  it('never lets a non-blocking try of another process fail', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using other = await Contender.start();
    const tries = other.ask<{ readonly tried: number; readonly failed: number }>('run', {
      code: `
        let [tried, failed] = [0, 0];
        globalThis.enough = false;
        while (!globalThis.enough || tried < 9000) {
          for (const more of [{}, { shared: true }, { permits: 1 }]) {
            tried += 1;
            try {
              await (await lock('x' + tried % 5, { ...${JSON.stringify(options)}, ...more, blocking: false })).release();
            } catch {
              failed += 1;
            }
          }
          if (tried % 100 === 0) await new Promise((resolve) => { setImmediate(resolve); });
        }
        return { tried, failed };`,
    });
    let ended = false;
    const outcome = tries.finally(() => {
      ended = true;
    });
    // The other process tries until enough was listed, and this one lists until it has tried enough: the machine may stop
    // either of them for a while.
    for (let listed = 0; listed <= 50 && !ended; await new Promise(setImmediate)) {
      listed += (await listLocks({ lockPath: directory.path })).length;
    }
    await other.ask('run', { code: 'globalThis.enough = true' });
    for (; !ended; await new Promise(setImmediate)) await listLocks({ lockPath: directory.path });
    expect((await outcome).failed).toBe(0);
  });
});

// What a system refuses (no root, no namespaces) is skipped, except where CI promises it.
function permits(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI) throw new Error(`CI must permit: ${command} ${args.join(' ')} (util-linux)`, { cause: error });
    return false;
  }
}
