import { type HeldLock, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const ways: readonly [string, Pick<LockOptions, 'external' | 'driver'>][] = [
  ['in this process', { external: false }],
  ['on the kernel driver', { external: true, driver: 'kernel' }],
  ['on the lockfile driver', { external: true, driver: 'lockfile' }],
];

describe.each(ways)('an upgrade that is waited for, %s', (_where, way) => {
  const external = way.external === true;

  /** A handle whose upgrade waits for another reader, of this process or of another one. */
  async function waiting(lockPath: string, other: Contender): Promise<{ held: HeldLock; leave(): Promise<unknown> }> {
    const options: LockOptions = { ...way, lockPath, shared: true };
    if (external) {
      await other.acquire('x', options);
      return { held: await lock('x', options), leave: () => other.release('x') };
    }
    const reader = await lock('x', options);
    return { held: await lock('x', options), leave: () => reader.release() };
  }

  it('G4 G11 ends when its lock is released: it rejects, and the lock stays free for everybody', async () => {
    using directory = lockDirectory();
    await using other = await Contender.start();
    const { held, leave } = await waiting(directory.path, other);
    const told = expect(held.upgrade()).rejects.toThrow('The lock x was released while it waited to be upgraded');
    // Until it has gone all the way and waits for the other reader.
    await new Promise((resolve) => setImmediate(resolve));
    await held.release();
    await leave();
    await told;
    const alone: LockOptions = { ...way, lockPath: directory.path, blocking: false };
    await lock('x', alone, () => {});
    if (external) await other.acquire('x', alone);
  });

  it('G18 names in its timeout who is in the way, and not its own process for others', async () => {
    using directory = lockDirectory();
    await using other = await Contender.start();
    const { held, leave } = await waiting(directory.path, other);
    const pid = external ? other.pid : process.pid;
    await expect(held.upgrade({ timeout: 20 })).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', holders: [{ pid }] });
    await held.release();
    await leave();
  });

  it('G11 is no exclusive lock yet, not for a second call on the same handle either', async () => {
    using directory = lockDirectory();
    await using other = await Contender.start();
    const { held, leave } = await waiting(directory.path, other);
    const upgrade = held.upgrade();
    await new Promise((resolve) => setImmediate(resolve));
    expect(held.mode).toBe('shared');
    await expect(held.upgrade()).rejects.toMatchObject({ code: 'ERR_LOCK_UPGRADE_CONFLICT' });
    await leave();
    await upgrade;
    expect(held.mode).toBe('exclusive');
    await held.release();
  });

  it('G11 ends when it is aborted or downgraded, and the lock is shared as before', async () => {
    using directory = lockDirectory();
    await using other = await Contender.start();
    const { held, leave } = await waiting(directory.path, other);
    const abort = new AbortController();
    const first = held.upgrade({ signal: abort.signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new Error('changed my mind'));
    await expect(first).rejects.toThrow('changed my mind');
    const second = held.upgrade();
    await new Promise((resolve) => setImmediate(resolve));
    await held.downgrade();
    await expect(second).rejects.toThrow('was downgraded while it waited');
    expect(held.mode).toBe('shared');
    const reader: LockOptions = { ...way, lockPath: directory.path, shared: true, blocking: false };
    await lock('x', reader, () => {});
    await leave();
    await held.upgrade();
    await held.release();
  });
});
