import { type LockOptions, listLocks, lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';
import { expectWaiters, statusOf } from '../../../support/lock-status.js';

it('listLocks counts the waiters for a lock of the lockfile driver, and neither the holder that waited before nor the dead', async () => {
  using directory = lockDirectory();
  const options = { external: true, fair: true, lockPath: directory.path, driver: 'lockfile' as const };
  await using first = await Contender.start();
  await using second = await Contender.start();
  await using third = await Contender.start();
  await expectWaiters(options, first, second, third);
  await third.stop();
  await second.release('x');
  expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], waiters: 1 });
  await third.end();
  expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], waiters: 0 });
});

it('listLocks counts a waiter for one more permit of those that its process holds', async () => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, permits: 2, lockPath: directory.path, driver: 'lockfile' };
  await using one = await Contender.start();
  await using other = await Contender.start();
  await one.acquire('pool', options);
  await other.acquire('pool', options);
  await other.queue('pool', options, 'second of pool');
  expect(await statusOf(directory.path, 'pool')).toMatchObject({
    state: 'shared',
    permits: 2,
    holders: [{ pid: one.pid }, { pid: other.pid }],
    waiters: 1,
  });
});

it('listLocks names the last holder of a free lock of the lockfile driver, until the next holder has learned of it', async () => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, lockPath: directory.path, driver: 'lockfile' };
  await using victim = await Contender.start();
  await victim.acquire('alone', options);
  await victim.acquire('pool', { ...options, permits: 2 });
  await victim.acquire('read', { ...options, shared: true });
  await victim.end();
  const abandoned = async (): Promise<unknown> =>
    (await listLocks({ lockPath: directory.path })).map(({ name, state, abandonedBy }) => [
      name,
      state,
      abandonedBy?.pid,
    ]);
  const all = [
    ['alone', 'free', victim.pid],
    ['pool', 'free', victim.pid],
    ['read', 'free', undefined],
  ];
  expect(await abandoned()).toEqual(all);
  // A writer puts out the permit holder, of whom the next permit holder is to be told.
  await (await lock('pool', options)).release();
  expect(await abandoned()).toEqual(all);
  const next = await lock('alone', options);
  expect(next.previousOwnerDied).toBe(true);
  expect(await statusOf(directory.path, 'alone')).toMatchObject({ state: 'held', abandonedBy: undefined });
  await next.release();
  await (await lock('pool', { ...options, permits: 2 })).release();
  const found = await listLocks({ lockPath: directory.path });
  expect(found.filter(({ abandonedBy }) => abandonedBy !== undefined)).toEqual([]);
});
