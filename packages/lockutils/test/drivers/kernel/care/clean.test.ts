import { closeSync, existsSync, openSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanLocks, type LockOptions, listLocks, lock } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { removeLeftover } from '../../../../build/drivers/kernel/care/remove-leftovers.js';
import { removeUnusedLock } from '../../../../build/drivers/kernel/care/remove-unused.js';
import { defaultKernelSystem } from '../../../../build/drivers/kernel/system.js';
import { guardByte } from '../../../../build/drivers/kernel/tickets.js';
import { type GrantAtOnce, type PlaceAtOnce, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const hidden = (directory: string, kind: string): string[] => {
  const folder = join(directory, '.oslo-concurrency', kind);
  return existsSync(folder) ? readdirSync(folder) : [];
};
const visible = (directory: string): string[] => readdirSync(directory).filter((name) => name[0] !== '.');

type System = typeof defaultKernelSystem;
const everything = {
  table: undefined,
  before: Number.POSITIVE_INFINITY,
  abandonedToo: false,
  emptyToo: true,
  dryRun: false,
};

describe('cleanLocks with the kernel driver', () => {
  it('removes lock files, queues and seats of locks nobody uses, and says which', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    for (const more of [{}, { fair: true }, { shared: true }, { permits: 2 }]) {
      await (await lock(`used ${JSON.stringify(more)}`, { ...options, ...more })).release();
      await (await lock('used in all ways', { ...options, ...more })).release();
    }
    writeFileSync(join(directory.path, 'oslo'), '');
    const names = visible(directory.path).sort();
    expect(names).toHaveLength(6);
    for (const kind of ['seats', 'readers']) expect(hidden(directory.path, kind)).toHaveLength(2);
    expect(await cleanLocks({ lockPath: directory.path, dryRun: true })).toEqual({ removed: names, kept: [] });
    expect(visible(directory.path).sort()).toEqual(names);
    expect(await cleanLocks({ lockPath: directory.path })).toEqual({ removed: names, kept: [] });
    expect(visible(directory.path)).toEqual([]);
    for (const kind of ['queue', 'seats', 'readers']) expect(hidden(directory.path, kind)).toEqual([]);
    expect(hidden(directory.path, 'wake').length).toBeLessThanOrEqual(64);
  });

  it.each<[string, unknown, (path: string) => void, (system: System, path: string) => unknown]>([
    [
      'the lock was held to be removed',
      'waited-for',
      (path) => (kernelDriver().tryAcquire(requestFor(path)) as GrantAtOnce).release(),
      (system, path) => removeUnusedLock(system, path, everything),
    ],
    [
      'the leftovers of a removed lock were removed',
      false,
      (path) => {
        const place = kernelDriver().joinQueue?.(requestFor(path)) as PlaceAtOnce | undefined;
        place?.leave();
      },
      removeLeftover,
    ],
  ])('G28 wakes a waiter that came while %s, and slept before they were kept', async (_when, kept, use, remove) => {
    using directory = lockDirectory();
    const request = requestFor(join(directory.path, 'x'));
    const driver = kernelDriver();
    use(request.path);
    let woken: Promise<void> | undefined;
    let unlisten: (() => void) | undefined;
    let place: PlaceAtOnce | undefined;
    const system: System = {
      ...defaultKernelSystem,
      tryLock(fd, offset, length, shared) {
        const isLocked = defaultKernelSystem.tryLock(fd, offset, length, shared);
        if (isLocked && length === 0 && !shared && woken === undefined) {
          // What a waiter does before it sleeps.
          const waiter = driver.joinQueue?.(request) as PlaceAtOnce;
          place = waiter;
          woken = new Promise((resolve) => {
            unlisten = waiter.onTurn(resolve);
          });
          expect(waiter.isFirst()).toBe(true);
          waiter.ask();
          expect(driver.tryAcquire(request, waiter)).toBeUndefined();
        }
        return isLocked;
      },
    };
    expect(remove(system, request.path)).toBe(kept);
    await woken;
    unlisten?.();
    const grant = driver.tryAcquire(request, place) as GrantAtOnce | undefined;
    expect(grant).toBeDefined();
    grant?.release();
    place?.leave();
  });

  it('is as careful where the lock table of the kernel cannot be read', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    await using holder = await Contender.start();
    await using waiter = await Contender.start();
    for (const name of ['unused', 'died']) await holder.acquire(name, options);
    await holder.release('unused');
    await holder.end();
    await using held = await lock('held', options);
    await using reader = await lock('read', { ...options, shared: true });
    const waited = await lock('waited', options);
    await waiter.queue('waited', options);
    await waiter.stop();
    await waited.release();
    const rule = { table: undefined, before: Number.POSITIVE_INFINITY, abandonedToo: false, emptyToo: true };
    const verdicts = ['held', 'read', 'waited', 'died', 'unused', 'never'].map((name) =>
      removeUnusedLock(defaultKernelSystem, join(directory.path, name), { ...rule, dryRun: false }),
    );
    expect(verdicts).toEqual(['held', 'held', 'waited-for', 'abandoned', 'removed', undefined]);
    expect([held, reader].map(({ released }) => released)).toEqual([false, false]);
  });

  it('leaves what is not older than asked, by the last use of lock file, queue and seats', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const path = (...names: string[]): string => join(directory.path, ...names);
    for (const name of ['old', 'new', 'read']) await (await lock(name, { ...options, fair: true })).release();
    await (await lock('read', { ...options, shared: true })).release();
    const hourAgo = Date.now() / 1000 - 3600;
    for (const name of ['old', 'read']) utimesSync(path(name), hourAgo, hourAgo);
    for (const name of ['old', 'read']) utimesSync(path('.oslo-concurrency', 'queue', name), hourAgo, hourAgo);
    const recent = ['new', 'read'].map((name) => ({ name, reason: 'recent' }));
    expect(await cleanLocks({ lockPath: directory.path, olderThan: 60_000 })).toEqual({
      removed: ['old'],
      kept: recent,
    });
  });

  it('removes queues and seats whose lock file is gone, unless they are in use', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    for (const mode of [{ permits: 2 }, { shared: true }])
      await (await lock('unused', { ...options, ...mode })).release();
    const seat = await lock('pool', { ...options, permits: 2 });
    const reader = await lock('read', { ...options, shared: true });
    for (const name of ['unused', 'pool', 'read']) rmSync(join(directory.path, name));
    const cleaned = await cleanLocks({ lockPath: directory.path });
    expect(cleaned.removed).toEqual(['unused']);
    expect(cleaned.kept.map(({ name }) => name).sort()).toEqual(['pool', 'read']);
    expect(hidden(directory.path, 'seats')).toEqual(['pool']);
    expect(hidden(directory.path, 'readers')).toEqual(['read']);
    expect(visible(directory.path)).toEqual([]);
    for (const held of [seat, reader]) {
      await expect(held.release()).rejects.toMatchObject({ cause: { code: 'ERR_LOCK_LOST' } });
    }
    await cleanLocks({ lockPath: directory.path });
    for (const kind of ['queue', 'seats', 'readers']) expect(hidden(directory.path, kind)).toEqual([]);
  });

  it('G19 leaves the news of a dead holder of the second permit, and of one whose record cannot be read', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using victim = await Contender.start();
    const first = await lock('pool', { ...options, permits: 2 });
    await victim.acquire('pool', { ...options, permits: 2 });
    await victim.end();
    await first.release();
    writeFileSync(join(directory.path, 'damaged'), 'oslo-concurrency owner of a later version\n');
    expect(await cleanLocks({ lockPath: directory.path })).toEqual({
      removed: [],
      kept: ['damaged', 'pool'].map((name) => ({ name, reason: 'abandoned' })),
    });
    const listed = await listLocks({ lockPath: directory.path });
    expect(listed.map(({ abandonedBy }) => abandonedBy)).toEqual([{}, expect.objectContaining({ pid: victim.pid })]);
    await using next = await lock('damaged', options);
    expect(next.previousOwnerDied).toBe(true);
  });

  it('treats queues and seats whose lock file is gone as those of other locks: by age, news of a death and dryRun', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path, permits: 2 };
    await using victim = await Contender.start();
    await victim.acquire('died', options);
    await victim.end();
    for (const name of ['old', 'used']) await (await lock(name, options)).release();
    const hourAgo = Date.now() / 1000 - 3600;
    for (const file of ['queue/old', 'seats/old', 'queue/used', 'queue/died', 'seats/died']) {
      utimesSync(join(directory.path, '.oslo-concurrency', file), hourAgo, hourAgo);
    }
    for (const name of ['died', 'old', 'used']) rmSync(join(directory.path, name));
    const seats = (): string[] => hidden(directory.path, 'seats').sort();
    const recent = { name: 'used', reason: 'recent' };
    const olderThan = 60_000;
    for (const dryRun of [true, false]) {
      expect(seats()).toEqual(['died', 'old', 'used']);
      const { removed, kept } = await cleanLocks({ lockPath: directory.path, olderThan, dryRun });
      expect(removed).toEqual(['old']);
      expect([...kept].sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
        { name: 'died', reason: 'abandoned' },
        recent,
      ]);
    }
    expect(seats()).toEqual(['died', 'used']);
    const forced = await cleanLocks({ lockPath: directory.path, olderThan, abandoned: true });
    expect(forced).toEqual({ removed: ['died'], kept: [recent] });
    expect(seats()).toEqual(['used']);
  });

  it('takes a file that holds the wish of a waiter and no record for a lock file', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    const request = requestFor(join(lockPath, 'x'));
    const driver = kernelDriver();
    const held = driver.tryAcquire({ ...request, shared: true }) as GrantAtOnce;
    const waiter = driver.joinQueue?.(request) as PlaceAtOnce;
    expect(waiter.ask()).toBe(true);
    held.release();
    expect(await listLocks({ lockPath })).toMatchObject([{ name: 'x' }]);
    expect(await cleanLocks({ lockPath })).toEqual({ removed: [], kept: [{ name: 'x', reason: 'waited-for' }] });
    waiter.leave();
    expect(await listLocks({ lockPath })).toMatchObject([{ name: 'x' }]);
    expect(await cleanLocks({ lockPath })).toEqual({ removed: ['x'], kept: [] });
  });

  it('takes no file of zeros for a lock file if it is not as long as a wish makes it, or holds something else', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    await (await lock('used', { external: true, lockPath })).release();
    const ofZeros = (name: string, length: number, more = ''): void =>
      writeFileSync(
        join(lockPath, name),
        Buffer.concat([Buffer.from(more, 'latin1'), Buffer.alloc(length - more.length)]),
      );
    ofZeros('longer', 1041);
    ofZeros('shorter', 1039);
    ofZeros('with text', 1040, '\0text');
    const kept = ['longer', 'shorter', 'with text'].map((name) => ({ name, reason: 'foreign' }));
    expect(await cleanLocks({ lockPath })).toEqual({ removed: ['used'], kept });
  });

  it.each<[string, string | undefined, (path: string) => void]>([
    ['removed', undefined, (path) => rmSync(path)],
    ['used', 'recent', (path) => utimesSync(path, new Date(), new Date())],
    ['left by a holder that died', 'abandoned', (path) => writeFileSync(path, 'oslo-concurrency owner of some kind\n')],
    ['written to by a stranger', 'foreign', (path) => writeFileSync(path, 'hello')],
  ])('G15 G19 sees that a lock was %s between its first look and its own lock: %s', async (_what, verdict, change) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    await (await lock('x', { external: true, lockPath: directory.path })).release();
    const hourAgo = Date.now() / 1000 - 3600;
    utimesSync(path, hourAgo, hourAgo);
    let changed = false;
    const system = {
      ...defaultKernelSystem,
      tryLock: (...range: Parameters<typeof defaultKernelSystem.tryLock>) => {
        if (!changed) change(path);
        changed = true;
        if (verdict !== 'recent' && existsSync(path)) utimesSync(path, hourAgo, hourAgo);
        return defaultKernelSystem.tryLock(...range);
      },
    };
    const rule = { table: undefined, before: Date.now() - 60_000, dryRun: false, abandonedToo: false, emptyToo: true };
    expect(removeUnusedLock(system, path, rule)).toBe(verdict);
    expect(changed).toBe(true);
    expect(existsSync(path)).toBe(verdict !== undefined);
  });

  it('G10 G15 leaves a lock while another process draws a ticket in its queue', async () => {
    using directory = lockDirectory();
    await (await lock('x', { external: true, fair: true, lockPath: directory.path })).release();
    const queue = openSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'), 'r+');
    try {
      expect(defaultKernelSystem.tryLock(queue, guardByte, 1, false)).toBe(true);
      expect((await cleanLocks({ lockPath: directory.path })).kept).toEqual([{ name: 'x', reason: 'waited-for' }]);
    } finally {
      closeSync(queue);
    }
    expect((await cleanLocks({ lockPath: directory.path })).removed).toEqual(['x']);
  });

  it('G15 leaves queues and seats to a process that locks the new lock file before the cleaner does', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    await (await lock('x', { external: true, permits: 2, lockPath: directory.path })).release();
    rmSync(path);
    let other: number | undefined;
    const system = {
      ...defaultKernelSystem,
      openSync: ((opened: string, ...more: [number, number]) => {
        const fd = defaultKernelSystem.openSync(opened, ...more);
        // Another process opens and locks the file in the moment after the cleaner opened it.
        if (opened === path && other === undefined) {
          other = defaultKernelSystem.openSync(opened, 'r+');
          expect(defaultKernelSystem.tryLock(other, 0, 0, false)).toBe(true);
        }
        return fd;
      }) as typeof defaultKernelSystem.openSync,
    };
    expect(removeLeftover(system, path)).toBe(false);
    expect([visible(directory.path), hidden(directory.path, 'seats')]).toEqual([['x'], ['x']]);
    closeSync(other as number);
    expect((await cleanLocks({ lockPath: directory.path })).removed).toEqual(['x']);
  });
});
