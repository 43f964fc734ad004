import { once } from 'node:events';
import type { FSWatcher } from 'node:fs';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import { contenderPool } from './contender-pool.js';
import { lockDirectory } from './lock-directory.js';

const { contender } = contenderPool(1);

it('G6 waits one after the other share a watcher, which is closed soon after the last', async () => {
  using directory = lockDirectory();
  const made: FSWatcher[] = [];
  const system: KernelSystem = {
    ...defaultKernelSystem,
    watch: (path, listener) => {
      const watcher = defaultKernelSystem.watch(path, listener);
      made.push(watcher);
      return watcher;
    },
  };
  const driver = kernelDriver({ system });
  const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
  for (let wait = 0; wait < 3; wait += 1) {
    await contender(0).acquire('x', options);
    const waiting = lock('x', { ...options, driver });
    await contender(0).release('x');
    await (await waiting).release();
  }
  // The wake file, and the lock file for who is first while somebody without a place holds it.
  expect(made.length).toBeGreaterThan(0);
  expect(made.length).toBeLessThanOrEqual(2);
  await Promise.all(made.map((watcher) => once(watcher, 'close')));
});
