import { describe, expect, test } from 'vitest';
import { FairLocks, lock, Semaphores } from '../../dist/index.js';

describe.each([
  ['Semaphores', Semaphores],
  ['FairLocks', FairLocks],
])('%s', (_, Collection) => {
  test('the same name in two collections does not contend; in one it does', async () => {
    const [one, two] = [new Collection(), new Collection()];
    await lock('x', { semaphores: one }, async () => {
      await lock('x', { semaphores: two, blocking: false }, () => {});
      await lock('x', { blocking: false }, () => {});
      const again = lock('x', { semaphores: one, blocking: false });
      await expect(again).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    });
  });

  test('counts the names in use, holders and waiters alike, and nothing else', async () => {
    const locks = new Collection();
    expect(locks.size).toBe(0);
    const held = await lock('a', { semaphores: locks });
    const waiting = lock('a', { semaphores: locks });
    const other = await lock('b', { semaphores: locks });
    expect(locks.size).toBe(2);
    await held.release();
    await other.release();
    expect(locks.size).toBe(1);
    await (await waiting).release();
    expect(locks.size).toBe(0);
  });

  test('G25 is empty again after many names were used, some abandoned', async () => {
    const names = Collection === Semaphores ? 100_000 : 10_000;
    const locks = new Collection();
    const aborted = AbortSignal.abort(new Error('no'));
    for (let i = 0; i < names; i += 1) {
      const held = await lock(`name-${i}`, { semaphores: locks });
      if (i % 100 === 0) await lock(`name-${i}`, { semaphores: locks, signal: aborted }).catch(() => {});
      if (i % 100 === 1) await lock(`name-${i}`, { semaphores: locks, timeout: 0 }).catch(() => {});
      await held.release();
    }
    expect(locks.size).toBe(0);
  });
});

test('Semaphores.get(name) is that lock, FairLocks.get(name) that lock for readers and writers', async () => {
  const semaphores = new Semaphores();
  await semaphores.get('x').acquire(async () => {
    await expect(lock('x', { semaphores, blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    expect(await semaphores.get('x').tryAcquire()).toBeUndefined();
  });
  const semaphoresOfFair = new FairLocks();
  await semaphoresOfFair.get('x').readLock(async () => {
    await semaphoresOfFair.get('x').readLock({ blocking: false }, () => {});
    await lock('x', { semaphores: semaphoresOfFair, shared: true, blocking: false }, () => {});
    const writer = semaphoresOfFair.get('x').writeLock({ blocking: false });
    await expect(writer).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
  });
  expect([semaphores.size, semaphoresOfFair.size]).toEqual([0, 0]);
});
