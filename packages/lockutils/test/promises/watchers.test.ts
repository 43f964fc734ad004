import { once } from 'node:events';
import type { FSWatcher } from 'node:fs';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import { contenderPool } from '../support/contender-pool.js';
import { lockDirectory } from '../support/lock-directory.js';

const { contender } = contenderPool(1);

it('G6 all who wait in one lock path share a watcher, which is closed soon after the last of them', async () => {
  using directory = lockDirectory();
  const closed: Promise<unknown>[] = [];
  const system: KernelSystem = {
    ...defaultKernelSystem,
    watch: (path, listener) => {
      const watcher: FSWatcher = defaultKernelSystem.watch(path, listener);
      closed.push(once(watcher, 'close'));
      return watcher;
    },
  };
  const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
  const driver = kernelDriver({ system });
  // What locks is loaded by the first call; from then on a call waits when it returns.
  await lock('first', { ...options, driver }, () => {});
  const names = ['x', 'y', 'z'];
  for (const name of names) await contender(0).acquire(name, options);
  const waits = names.map((name) => lock(name, { ...options, driver }));
  expect(closed).toHaveLength(1);
  for (const name of names) await contender(0).release(name);
  for (const held of await Promise.all(waits)) await held.release();
  await Promise.all(closed);
});
