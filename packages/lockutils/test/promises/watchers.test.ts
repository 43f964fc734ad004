import { once } from 'node:events';
import {
  type FSWatcher,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
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

// Elsewhere, what is watched cannot be moved, or the lockfile driver gives no hints.
const onLinux = describe.runIf(process.platform === 'linux');

onLinux.each(['kernel', 'lockfile'] as const)('hints in a lock path that others change, driver %s', (driver) => {
  // Their timeout ends a wait that hears nothing: it looks by itself only after a minute.
  const byHints = { external: true, driver, delay: 60_000, timeout: 10_000 } as const;
  const hidden = (lockPath: string, ...names: string[]) =>
    join(lockPath, '.oslo-concurrency', ...(driver === 'kernel' ? [] : ['lockfile']), ...names);

  /** This process waits for `x` while another one holds it; that one releases it after `meanwhile`. */
  async function handOver(options: LockOptions, meanwhile?: () => Promise<void>): Promise<void> {
    await contender(0).acquire('x', options);
    await whileHeld(options, meanwhile);
  }

  async function whileHeld(options: LockOptions, meanwhile?: () => Promise<void>): Promise<void> {
    let onWait = () => {};
    const waiting = new Promise<void>((resolve) => {
      onWait = resolve;
    });
    const wait = lock('x', { ...options, onWait });
    await waiting;
    await meanwhile?.();
    await contender(0).release('x');
    await (await wait).release();
  }

  const kinds: [kind: string, more: LockOptions][] = [
    ['a lock', {}],
    ['a fair lock', { fair: true }],
    ['a permit', { permits: 1 }],
  ];

  it.each(kinds)(
    'G28 a waiter for %s hears the hint, though the lock path was moved away and made again',
    async (_kind, more) => {
      using directory = lockDirectory();
      const lockPath = join(directory.path, 'locks');
      mkdirSync(lockPath);
      const options = { ...byHints, ...more, lockPath };
      await handOver(options);
      for (let round = 0; round < 3; round += 1) {
        renameSync(lockPath, `${lockPath}-${round}`);
        mkdirSync(lockPath);
        await handOver(options);
      }
    },
  );

  it('G28 a waiter hears the hint, though the link to the lock path leads to another folder now', async () => {
    using directory = lockDirectory();
    const link = join(directory.path, 'current');
    for (const release of ['one', 'two', 'one']) {
      mkdirSync(join(directory.path, release), { recursive: true });
      symlinkSync(join(directory.path, release), link);
      await handOver({ ...byHints, lockPath: link });
      unlinkSync(link);
    }
  });

  it('G28 a waiter hears the hint, though the lock path was replaced in the turn in which it began to wait', async () => {
    using directory = lockDirectory();
    const lockPath = join(directory.path, 'locks');
    mkdirSync(lockPath);
    const options = { ...byHints, lockPath };
    await handOver(options);
    rmSync(lockPath, { recursive: true });
    mkdirSync(lockPath);
    const held = contender(0).acquire('x', options);
    // Without a turn of the event loop.
    while (!isHeld()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    const handedOver = whileHeld(options);
    await held;
    await handedOver;

    function isHeld(): boolean {
      try {
        if (driver === 'kernel') return readFileSync(join(lockPath, 'x'), 'utf8').startsWith('oslo-concurrency owner');
        return readdirSync(hidden(lockPath, 'held', 'x')).length > 0;
      } catch {
        return false;
      }
    }
  });

  it('G28 a waiter hears the hint, though a cleaner removed what it listens to while it waited', async () => {
    using directory = lockDirectory();
    const options = { ...byHints, lockPath: directory.path };
    const wake = hidden(directory.path, 'wake');
    await handOver(options, async () => {
      for (let round = 0; round < 3; round += 1) {
        for (const name of readdirSync(wake)) rmSync(join(wake, name), { recursive: true });
        await expect.poll(() => readdirSync(wake)).toHaveLength(1);
      }
    });
  });

  it('G28 a hint makes what the waiter listens to look new, so that no cleaner takes it for left behind', async () => {
    using directory = lockDirectory();
    const options = { ...byHints, lockPath: directory.path };
    const began = Date.now();
    await handOver(options);
    const wake = hidden(directory.path, 'wake');
    const [name = ''] = readdirSync(wake);
    const { atimeMs, mtimeMs } = statSync(join(wake, name));
    // By whole seconds, since a file system may count no finer.
    expect(Math.min(atimeMs, mtimeMs)).toBeGreaterThan(began - 2000);
    expect(Math.max(atimeMs, mtimeMs)).toBeLessThan(Date.now() + 2000);
  });
});
