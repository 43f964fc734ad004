import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../build/drivers/driver.js';
import { UnseenHold } from '../../../build/drivers/lockfile/care/unseen-hold.js';
import { lockfileDriver } from '../../../build/drivers/lockfile/driver.js';
import { lockfileLeaseDriver } from '../../../build/drivers/lockfile/lease/driver.js';
import { promisedLeaseFs } from '../../../build/drivers/lockfile/lease/lease-fs.js';
import { reportSeat } from '../../../build/drivers/lockfile/news.js';
import { TicketFolder } from '../../../build/drivers/lockfile/queue.js';
import { promisedFs, synchronousFs } from '../../../build/drivers/lockfile/system.js';
import { listen } from '../../../build/drivers/lockfile/turns/waiters.js';
import { newIdentityName } from '../../../build/owner/identity-name.js';
import { runSync } from '../../../build/steps.js';
import { attempt, dieHolding, LockPaths, leftOver, told } from '../../support/lockfile/fault-points.js';
import { cleanedFs, cleanFolders } from '../../support/lockfile/folder-cleaner.js';
import { endChildren } from '../../support/lockfile/obedient-child.js';

const lockPaths = new LockPaths();
afterEach(endChildren);
afterAll(() => lockPaths.remove());
const modes = [{}, { shared: true }, { permits: 1 }];
const requestFor = (path: string, mode: object) => ({
  ...{ name: 'contended', path, shared: false, permits: undefined, label: undefined },
  ...mode,
});

describe.each([
  ['synchronous', { fs: synchronousFs, synchronous: true }],
  ['promised', { fs: promisedFs, synchronous: false }],
])('a cleaner that removes the empty folders in the very moment of each call, %s', (_kind, { fs, synchronous }) => {
  const driverAt = (path: string) => lockfileDriver({ fs: cleanedFs(fs, path, 'lockfile'), synchronous });

  it.each(modes)('G9 keeps nobody from the lock, and from leaving it: %o', async (mode) => {
    const [path] = lockPaths.take(1) as [string];
    const driver = driverAt(path);
    for (let round = 0; round < 3; round += 1) {
      const place = await driver.joinQueue?.(requestFor(path, mode), true);
      expect(await place?.isFirst()).toBe(true);
      const grant = await driver.tryAcquire(requestFor(path, mode), place);
      expect(grant).toBeDefined();
      await place?.leave();
      expect(await attempt(path)).toBeUndefined();
      await grant?.release();
    }
    expect(leftOver(path)).toEqual([]);
  });

  it('G11 keeps no holder from a change of its mode', async () => {
    const [path] = lockPaths.take(1) as [string];
    const grant = (await driverAt(path).tryAcquire(requestFor(path, {}))) as Grant;
    await grant.downgrade?.();
    const upgrade = await grant.upgrade?.();
    expect(await upgrade?.attempt()).toBe(true);
    await upgrade?.end();
    expect(await attempt(path, { shared: true })).toBeUndefined();
    await grant.release();
    expect(leftOver(path)).toEqual([]);
  });

  it.each(modes)('G9 G19 lets the death of a writer be reported once: %o', async (mode) => {
    const [path] = lockPaths.take(1) as [string];
    await dieHolding([path], [{}]);
    const grant = await driverAt(path).tryAcquire(requestFor(path, mode));
    expect(grant?.previousOwnerDied).toBe(true);
    await grant?.release();
    expect(await told(path)).toBe(false);
  });

  it.each([
    ['a writer', {}],
    ['a permit holder', { permits: 1 }],
  ])('G19 leaves the report of the death of %s by a grant that came too late', async (_who, mode) => {
    const [path] = lockPaths.take(1) as [string];
    await dieHolding([path], [mode]);
    const grant = await driverAt(path).tryAcquire(requestFor(path, mode));
    expect(grant?.previousOwnerDied).toBe(true);
    await grant?.release({ unused: true });
    expect(leftOver(path, ['held'])).toEqual([]);
    expect([await told(path, mode), await told(path, mode)]).toEqual([true, false]);
  });
});

it('G10 a waiter that takes its number back joins the queue though `new/` is removed in that moment', () => {
  const [path] = lockPaths.take(1) as [string];
  const queue = join(dirname(path), '.oslo-concurrency', 'lockfile', 'queue', 'contended');
  let removed = 0;
  const rename = (from: string, to: string): void => {
    if (removed === 0 && dirname(from) === queue && cleanFolders(dirname(path), 'lockfile', ['new'])) removed += 1;
    void synchronousFs.rename(from, to);
    // Another waiter gets a higher number before our second look.
    if (removed === 0 && dirname(to) === queue) mkdirSync(join(queue, '9'));
  };
  const ticket = new TicketFolder({ ...synchronousFs, rename }, path);
  expect(runSync(ticket.join(undefined))).toBe(true);
  expect([removed, ticket.number]).toEqual([1, 10]);
  runSync(ticket.leave());
});

it('G10 a waiter joins the queue though its folder for the queue is removed before it is complete', () => {
  const [path] = lockPaths.take(1) as [string];
  let removed = 0;
  const rename = (from: string, to: string): void => {
    if (removed === 0 && to.endsWith('queue/contended')) {
      rmdirSync(from);
      removed += 1;
    }
    void synchronousFs.rename(from, to);
  };
  const ticket = new TicketFolder({ ...synchronousFs, rename }, path);
  runSync(ticket.join(undefined));
  expect([removed, ticket.number]).toEqual([1, 1]);
  runSync(ticket.leave());
});

it('G15 the cleaning holds a lock for a moment though `held/` is removed in that moment', () => {
  const [path] = lockPaths.take(1) as [string];
  const hold = new UnseenHold(cleanedFs(synchronousFs, path, 'lockfile'), path, newIdentityName());
  expect(runSync(hold.take())).toBe(true);
  runSync(hold.release());
  expect(leftOver(path)).toEqual([]);
});

it('G28 a thread that listens for hints leaves the folder at which another one listens', async () => {
  const [first, path] = lockPaths.take(2) as [string, string];
  const wakeOf = (lockFile: string): string => join(dirname(lockFile), '.oslo-concurrency', 'lockfile', 'wake');
  listen({ fs: synchronousFs, lockFile: first }, () => {})();
  const [name = ''] = readdirSync(wakeOf(first));
  // As a thread with the same number would.
  await (await attempt(path))?.release();
  mkdirSync(join(wakeOf(path), name));
  const { ino } = statSync(join(wakeOf(path), name));
  listen({ fs: synchronousFs, lockFile: path }, () => {})();
  expect(statSync(join(wakeOf(path), name)).ino).toBe(ino);
});

describe('a folder that can never be made', () => {
  const never = (path: string): Error => Object.assign(new Error(`ENOENT: '${path}'`), { code: 'ENOENT' });

  it('G16 ends an attempt with an error', () => {
    const [path] = lockPaths.take(1) as [string];
    const mkdir = (made: string): void => {
      throw never(made);
    };
    const driver = lockfileDriver({ fs: { ...synchronousFs, mkdir }, synchronous: true });
    expect(() => driver.tryAcquire(requestFor(path, {}))).toThrow();
    expect(leftOver(path)).toEqual([]);
  });

  it.each([
    ['a writer', {}, 'died'],
    ['a permit holder', { permits: 1 }, 'died-seats'],
  ])('G9 G19 keeps no lock held to report the death of %s', async (_who, mode, kind) => {
    const [path] = lockPaths.take(1) as [string];
    await dieHolding([path], [mode]);
    const died = join(dirname(path), '.oslo-concurrency', 'lockfile', kind);
    let fails = false;
    const rename = (from: string, to: string): void => {
      if (fails && to.startsWith(`${died}/`)) throw never(to);
      void synchronousFs.rename(from, to);
    };
    const driver = lockfileDriver({ fs: { ...synchronousFs, rename }, synchronous: true });
    const grant = (await driver.tryAcquire(requestFor(path, mode))) as Grant;
    expect(grant.previousOwnerDied).toBe(true);
    fails = true;
    await grant.release({ unused: true });
    expect(leftOver(path)).toEqual([]);
    expect(await told(path, mode)).toBe(false);
  });
});

it('G15 G19 leaves no folder for a report that another process has moved meanwhile', () => {
  const [path] = lockPaths.take(1) as [string];
  const folder = join(dirname(path), '.oslo-concurrency', 'lockfile', 'died-seats', 'contended');
  const file = join(dirname(path), 'dead');
  writeFileSync(file, '');
  let tries = 0;
  const rename = (from: string, to: string): void => {
    if (from === file) tries += 1;
    void synchronousFs.rename(from, to);
    if (to === folder) unlinkSync(file);
  };
  runSync(reportSeat({ fs: { ...synchronousFs, rename }, lockFile: path, newName: newIdentityName }, file, '0'));
  expect([tries, existsSync(folder)]).toEqual([2, false]);
});

it('G5 a lock whose owner file somebody removed is released for a grant that came too late', async () => {
  const [path] = lockPaths.take(1) as [string];
  await dieHolding([path], [{}]);
  const grant = await attempt(path);
  rmSync(join(dirname(path), '.oslo-concurrency', 'lockfile', 'held', 'contended'), { recursive: true });
  await grant?.release({ unused: true });
  expect(await told(path)).toBe(false);
});

describe('leases, with a cleaner that removes the empty folders in the very moment of each call', () => {
  const { signal } = new AbortController();
  const request = { permits: 1, label: undefined, now: () => performance.now(), waiting: () => {} };

  it('G9 are granted, renewed, released, and keep their text', async () => {
    const [path] = lockPaths.take(1) as [string];
    const fs = cleanedFs(promisedLeaseFs, path, 'lease');
    const driver = lockfileLeaseDriver({ lockPath: dirname(path), fs });
    for (let token = 1n; token <= 2n; token += 1n) {
      const grant = await driver.tryAcquire({ ...request, name: 'x', ttl: 60_000 }, signal);
      expect(grant?.token).toBe(token);
      expect(await grant?.renew(signal)).toBeGreaterThan(0);
      expect(await grant?.record?.write('text', 60_000, signal)).toBe(true);
      expect(await grant?.record?.read(signal)).toBe('text');
      expect(await grant?.release(signal)).toBe(true);
    }
  });

  it('G9 are granted at once when they have expired', async () => {
    const [path] = lockPaths.take(1) as [string];
    const other = lockfileLeaseDriver({ lockPath: dirname(path), hostId: 'elsewhere' });
    await other.tryAcquire({ ...request, name: 'x', ttl: 1 }, signal);
    const fs = cleanedFs(promisedLeaseFs, path, 'lease');
    const driver = lockfileLeaseDriver({ lockPath: dirname(path), fs });
    await expect.poll(() => driver.tryAcquire({ ...request, name: 'x', ttl: 60_000 }, signal)).toBeDefined();
  });
});

it('G9 G16 a lock path that is gone is still named by the error', async () => {
  const [path] = lockPaths.take(1) as [string];
  await (await attempt(path))?.release();
  rmSync(dirname(path), { recursive: true });
  await expect(attempt(path)).rejects.toMatchObject({ code: 'ERR_LOCK_PATH' });
});
