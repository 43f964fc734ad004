import { describe, expect, test } from 'vitest';
import { internalFairLock, internalLock, lock, Semaphores } from '../../dist/index.js';

describe('internalLock', () => {
  test('G9 is the lock that lock() takes; two objects of one name exclude each other', async () => {
    const one = internalLock('cache');
    const two = internalLock('cache');
    await one.acquire();
    expect([one.acquired, two.acquired]).toEqual([true, false]);
    expect(await two.tryAcquire()).toBeUndefined();
    await expect(lock('cache', { blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await expect(two.release()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD', lockName: 'cache' });
    const waiting = two.acquire();
    await one.release();
    await waiting;
    expect([one.acquired, two.acquired]).toEqual([false, true]);
    await two.release();
    expect(await one.acquire(() => 'value')).toBe('value');
  });

  test('of another collection is another lock', async () => {
    const semaphores = new Semaphores();
    await internalLock('cache').acquire(async () => {
      await internalLock('cache', { semaphores }).acquire({ blocking: false }, () => {});
    });
  });

  test('a name that cannot be is refused where it is written', () => {
    expect(() => internalLock('')).toThrow('must not be empty');
    expect(() => internalLock(5 as never)).toThrow('name must be a string');
  });
});

describe('internalFairLock', () => {
  test('G9 its writer excludes lock(), fair or not; its readers share with shared ones', async () => {
    const fair = internalFairLock('f');
    const writer = await fair.writeLock();
    for (const options of [{ fair: true }, {}, { shared: true }]) {
      await expect(lock('f', { ...options, blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    }
    expect(internalFairLock('f').owner).toBe('w');
    expect(internalFairLock('f').isWriter(writer)).toBe(true);
    await writer.release();
    await fair.readLock(() => lock('f', { shared: true, blocking: false }, () => {}));
  });
});
