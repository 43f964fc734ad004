import { once } from 'node:events';
import {
  closeSync,
  constants,
  type FSWatcher,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type Holder, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { removeLockFiles } from '../../../build/drivers/kernel/care/removal.js';
import { OpenFile } from '../../../build/drivers/kernel/files/open-file.js';
import { WatchPool } from '../../../build/drivers/watch-pool.js';
import {
  alone,
  type GrantAtOnce,
  type Mode,
  type PlaceAtOnce,
  permit,
  reader,
  requestFor,
} from '../../support/at-once.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const take = (path: string, mode: Mode = alone, driver = kernelDriver()): GrantAtOnce | undefined =>
  driver.tryAcquire(requestFor(path, mode)) as GrantAtOnce | undefined;

const upgradeByte = 2 ** 40 + 1;

describe('the kernel driver', () => {
  it('G15 a waiter that was refused by a file gets the lock of the one that a stranger put in its place', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = take(path);
    const waiter = kernelDriver();
    expect(take(path, alone, waiter)).toBeUndefined();
    writeFileSync(`${path}-new`, '');
    renameSync(`${path}-new`, path);
    // The old file stays locked: only the name tells that it is the lock no more.
    await expect.poll(() => take(path, alone, waiter)).toBeDefined();
    expect(() => held?.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_LOST' }));
  });

  it('G11 an upgrade is not refused because of a caller that only looks whether one is under way', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let looks = 3;
    const driver = kernelDriver({
      system: {
        ...defaultKernelSystem,
        // As if another process, which is about to be admitted as a reader, held the byte shared at the first tries.
        tryLock(fd, offset, length, shared) {
          if (offset === upgradeByte && !shared && looks > 0) {
            looks -= 1;
            return false;
          }
          return defaultKernelSystem.tryLock(fd, offset, length, shared);
        },
      },
    });
    const held = take(path, reader, driver);
    const upgrade = held?.upgrade?.();
    expect(upgrade?.attempt()).toBe(true);
    upgrade?.end();
    held?.release();
    const [first, second] = [take(path, reader), take(path, reader)];
    expect(first?.upgrade?.()).toBeDefined();
    expect(second?.upgrade?.()).toBeUndefined();
    first?.release();
    second?.release();
  });

  it('G11 an upgrade begins later while a process stands still that only looks whether one is under way', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const [held, other] = [take(path, reader), take(path, reader)];
    held?.upgrade?.()?.end();
    // What such a process has locked.
    const queue = openSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'), 'r+');
    expect(defaultKernelSystem.tryLock(queue, upgradeByte, 1, true)).toBe(true);
    const [upgrade, second] = [held?.upgrade?.(), other?.upgrade?.()];
    expect([upgrade?.attempt(), second?.attempt()]).toEqual([false, false]);
    closeSync(queue);
    expect(upgrade?.attempt()).toBe(false);
    // It has begun, and waits for the other reader.
    expect(() => second?.attempt()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_UPGRADE_CONFLICT' }));
    second?.end();
    other?.release();
    expect(upgrade?.attempt()).toBe(true);
    upgrade?.end();
    held?.release();
  });

  it('G11 upgrade() of a handle waits for such a process, and is no conflict', async () => {
    using directory = lockDirectory();
    const held = await lock('x', { external: true, lockPath: directory.path, shared: true });
    const queue = openSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'), 'r+');
    expect(defaultKernelSystem.tryLock(queue, upgradeByte, 1, true)).toBe(true);
    await expect(held.upgrade({ timeout: 20 })).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    const upgrade = held.upgrade();
    closeSync(queue);
    await upgrade;
    expect(take(join(directory.path, 'x'), reader)).toBeUndefined();
    await held.release();
  });

  it('G15 leaves what a stranger put under the name of a lock that is removed at its release', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = take(path);
    writeFileSync(`${path}-new`, 'of a stranger');
    renameSync(`${path}-new`, path);
    expect(() => held?.release({ remove: true })).toThrow(expect.objectContaining({ code: 'ERR_LOCK_LOST' }));
    expect(readFileSync(path, 'utf8')).toBe('of a stranger');
  });

  it('G15 a removal takes nothing away when the name leads to another file than the one that is held', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    take(path, permit)?.release();
    const file = OpenFile.open(defaultKernelSystem, path, constants.O_RDWR);
    file.tryLock(0, 0, false);
    writeFileSync(`${path}-new`, '');
    renameSync(`${path}-new`, path);
    const seated = take(path, permit);
    expect(removeLockFiles(defaultKernelSystem, path, file)).toBe(false);
    file.close();
    const others = [take(path, permit), take(path, permit)];
    expect(others.map((grant) => grant === undefined)).toEqual([false, true]);
    for (const grant of [...others, seated]) grant?.release();
  });

  it('G15 removes the file of a lock that it holds alone, with the files beside it', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    take(path, permit)?.release();
    take(path, reader)?.release();
    const place = kernelDriver().joinQueue?.(requestFor(path)) as PlaceAtOnce;
    place.leave();
    take(path)?.release({ remove: true });
    const left = (readdirSync(directory.path, { recursive: true }) as string[]).filter(
      (name) => basename(name) === 'x',
    );
    expect(left).toEqual([]);
  });

  it.each([
    ['with a seat', false],
    ['without one', true],
  ])('G15 does not remove the file of a lock that it shares since its downgrade, %s', (_how, refused) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const openSync = ((file: string, ...more: [number, number]) => {
      if (refused && file.includes('/readers/')) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
      return defaultKernelSystem.openSync(file, ...more);
    }) as typeof defaultKernelSystem.openSync;
    const held = take(path, alone, kernelDriver({ system: { ...defaultKernelSystem, openSync } }));
    held?.downgrade?.();
    const beside = take(path, reader);
    held?.release({ remove: true });
    expect(take(path)).toBeUndefined();
    beside?.release();
    expect(readdirSync(directory.path)).toContain('x');
  });

  it('G11 an upgrade that was begun keeps nobody out once its lock is released', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = take(path, reader);
    const beside = take(path, reader);
    const upgrade = held?.upgrade?.();
    expect(upgrade?.attempt()).toBe(false);
    const place = kernelDriver().joinQueue?.(requestFor(path, reader)) as PlaceAtOnce;
    expect(place.isFirst()).toBe(false);
    held?.release();
    expect(place.isFirst()).toBe(true);
    upgrade?.end();
    place.leave();
    beside?.release();
  });

  it.each<[string, Mode]>([
    ['a writer that was downgraded', alone],
    ['a reader that became writer and reader again', reader],
  ])('G19 %s is not taken for dead by the readers that come in beside it', (_who, mode) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = take(path, mode);
    const upgrade = held?.upgrade?.();
    upgrade?.attempt();
    upgrade?.end();
    held?.downgrade?.();
    const beside = [take(path, reader), take(path, reader)];
    expect(beside.map((grant) => grant?.previousOwnerDied)).toEqual([false, false]);
    for (const grant of [...beside, held]) grant?.release();
    expect(take(path)?.previousOwnerDied).toBe(false);
  });

  it('G18 names no dead process as a holder: not the one whose record is left while a lock without record is held', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const victim = await Contender.start();
    await victim.acquire('x', { external: true, lockPath: directory.path });
    const { pid } = victim;
    const holders = () => kernelDriver().holders(requestFor(path)) as readonly Holder[];
    expect(holders().map((holder) => holder.pid)).toEqual([pid]);
    await victim.end('SIGKILL');
    expect(holders()).toEqual([]);
    // As other programs lock it: without a record.
    const fd = openSync(path, 'r+');
    defaultKernelSystem.tryLock(fd, 0, 0, false);
    expect(holders().map((holder) => holder.pid)).toEqual([process.pid]);
    closeSync(fd);
  });

  it('G18 names a writer that was a reader before once', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = take(path, reader);
    const upgrade = held?.upgrade?.();
    expect(upgrade?.attempt()).toBe(true);
    upgrade?.end();
    expect(kernelDriver().holders(requestFor(path))).toHaveLength(1);
    held?.release();
  });
});

describe('G6 a watcher of the kernel driver', () => {
  const watched = () => {
    const made: { watcher: FSWatcher; closed: Promise<unknown> }[] = [];
    const system = {
      ...defaultKernelSystem,
      watch: (path: string, listener: (event: 'change' | 'rename') => void) => {
        const watcher = defaultKernelSystem.watch(path, listener);
        made.push({ watcher, closed: once(watcher, 'close') });
        return watcher;
      },
    };
    return { made, system };
  };

  it('G6 of a file that was removed is closed, and the next wait watches the file that the name leads to then', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    writeFileSync(path, '');
    const { made, system } = watched();
    const watchers = new WatchPool(system.watch);
    let wakes = 0;
    const stop = watchers.subscribe(path, () => {
      wakes += 1;
    });
    unlinkSync(path);
    await made[0]?.closed;
    expect(wakes).toBeGreaterThan(0);
    writeFileSync(path, '');
    const woken = new Promise<void>((resolve) => watchers.subscribe(path, () => resolve()));
    expect(made).toHaveLength(2);
    writeFileSync(path, 'hint');
    await woken;
    stop();
  });

  it('G6 is not closed by a change while somebody waits', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path, fair: true };
    const { made, system } = watched();
    await using holder = await Contender.start();
    await holder.acquire('x', options);
    const wait = lock('x', { ...options, driver: kernelDriver({ system }) });
    await expect.poll(() => made.length).toBe(1);
    await holder.release('x');
    await (await wait).release();
    expect(made).toHaveLength(1);
  });
});

it('G18 names the time of this grant, not of an earlier one of the same process', async () => {
  using directory = lockDirectory();
  const driver = kernelDriver();
  const request = requestFor(join(directory.path, 'x'));
  await (await driver.tryAcquire(request))?.release();
  const first = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(first + 1);
  const before = Date.now();
  const grant = await driver.tryAcquire(request);
  const [holder] = await driver.holders(request);
  expect(holder?.since?.getTime()).toBeGreaterThanOrEqual(before);
  await grant?.release();
});
