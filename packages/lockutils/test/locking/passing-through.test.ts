import { join } from 'node:path';
import { type LockDriver, type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import {
  defaultKernelSystem,
  kernelDriver,
  type LockfileFs,
  lockfileDriver,
  synchronousFs,
} from '@oslo-concurrency/lockutils/drivers';
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

/** How many turns of the event loop a call takes that is refused. */
async function turnsUntilRefused(options: LockOptions): Promise<number> {
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  await expect(lock('x', options)).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
  clearImmediate(next);
  return turns;
}

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
    expect(await turnsUntilRefused({ ...optionsIn(directory.path), shared: true })).toBeLessThan(2);
    held.release();
  });

  it('is refused at once while another task of its process holds the lock', async () => {
    using directory = lockDirectory();
    const held = await lock('x', optionsIn(directory.path));
    for (const mode of [{}, { shared: true }]) {
      expect(await turnsUntilRefused({ ...optionsIn(directory.path), ...mode })).toBeLessThan(2);
    }
    await held.release();
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

it.each([
  ['readers', { shared: true }],
  ['permit holders', { permits: 3 }],
])(
  'G9 %s of one process that must not wait are all admitted at the same time, though each needs its moment',
  async (_who, mode) => {
    using directory = lockDirectory();
    // It answers with promises, in no time.
    const calls = Object.entries(synchronousFs) as [string, (...given: unknown[]) => unknown][];
    const fs = Object.fromEntries(calls.map(([name, call]) => [name, async (...given: unknown[]) => call(...given)]));
    const driver = lockfileDriver({ fs: fs as unknown as LockfileFs });
    const options = { external: true, lockPath: directory.path, driver, blocking: false, ...mode };
    // The first one prepares the lock path.
    await (await lock('x', options)).release();
    const held = await Promise.all([lock('x', options), lock('x', options)]);
    for (const each of held) await each.release();
  },
);
