import { join } from 'node:path';
import { type LockDriver, type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, kernelDriver, lockfileDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, type PlaceAtOnce, reader, requestFor } from '../support/at-once.js';
import { lockDirectory } from '../support/lock-directory.js';

const guardByte = 2 ** 40;
const modes: [string, LockOptions][] = [
  ['a reader', { shared: true }],
  ['a permit holder', { permits: 2 }],
  ['a caller that asks for order', { fair: true }],
];
const drivers: [string, () => LockDriver][] = [
  ['kernel', () => kernelDriver()],
  ['lockfile', () => lockfileDriver({ synchronous: true })],
];

describe.each(drivers)('a call of the %s driver that must not wait', (_, newDriver) => {
  const optionsIn = (lockPath: string): LockOptions => ({
    external: true,
    lockPath,
    driver: newDriver(),
    blocking: false,
  });
  const joinQueue = (lockPath: string): PlaceAtOnce =>
    newDriver().joinQueue?.(requestFor(join(lockPath, 'x'))) as unknown as PlaceAtOnce;

  it.each(modes)(
    'G9 is granted the lock as %s though another call is passing through the queue',
    async (_who, mode) => {
      using directory = lockDirectory();
      const passing = joinQueue(directory.path);
      const granted = lock('x', { ...optionsIn(directory.path), ...mode });
      setImmediate(() => passing.leave());
      await (await granted).release();
    },
  );

  it.each(modes)(
    'G11 is refused as %s while another call stays in the queue, and leaves no place behind',
    async (_who, mode) => {
      using directory = lockDirectory();
      const waiting = joinQueue(directory.path);
      // Nor does it sleep until the next look of a waiter.
      const options = { ...optionsIn(directory.path), ...mode, delay: 60_000 };
      await expect(lock('x', options)).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
      expect(() => lockSync('x', options)).toThrow(expect.objectContaining({ code: 'ERR_LOCK_NOT_ACQUIRED' }));
      waiting.leave();
      await (await lock('x', options)).release();
      lockSync('x', options).release();
    },
  );

  it('is refused at once as a reader while a writer holds the lock and nobody is in the queue', async () => {
    using directory = lockDirectory();
    const held = newDriver().tryAcquire(requestFor(join(directory.path, 'x'))) as GrantAtOnce;
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    await expect(lock('x', { ...optionsIn(directory.path), shared: true })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
    clearImmediate(next);
    expect(turns).toBeLessThan(2);
    held.release();
  });
});

it('G9 a reader that must not wait is admitted beside another one though a third process is drawing its ticket', async () => {
  using directory = lockDirectory();
  const path = join(directory.path, 'x');
  const beside = kernelDriver().tryAcquire(requestFor(path, reader)) as GrantAtOnce;
  const left = kernelDriver().joinQueue?.(requestFor(path)) as PlaceAtOnce;
  left.leave();
  const fd = defaultKernelSystem.openSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'), 'r+');
  expect(defaultKernelSystem.tryLock(fd, guardByte, 1, false)).toBe(true);
  const granted = lock('x', { external: true, lockPath: directory.path, shared: true, blocking: false });
  setImmediate(() => defaultKernelSystem.closeSync(fd));
  await (await granted).release();
  beside.release();
});
