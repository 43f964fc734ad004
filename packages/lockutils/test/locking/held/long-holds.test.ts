import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { lstatSync, readdirSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  cleanLocks,
  type HeldLock,
  type LockDriver,
  type LockOptions,
  type LockSyncOptions,
  lock,
  lockSync,
  Semaphores,
} from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, kernelDriver, lockfileDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it, test } from 'vitest';
import { recordedLog } from '../../fixtures/recorded-log.js';
import { alone, type GrantAtOnce, permit, reader, requestFor } from '../../support/at-once.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';
import { runFixture } from '../../support/run-fixture.js';

/** All plain files of a lock path, the hidden ones too. */
function filesIn(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true }) as string[];
  return names.map((name) => join(directory, name)).filter((path) => lstatSync(path).isFile());
}

const hidden = (directory: string, ...names: string[]): string => join(directory, '.oslo-concurrency', ...names);
const held = (directory: string): string => hidden(directory, 'lockfile', 'held', 'x');

const replace = (path: string): void => {
  writeFileSync(`${path}-new`, '');
  renameSync(`${path}-new`, path);
};
const removeAll = (path: string): void => rmSync(path, { recursive: true });

type Change = (directory: string) => void;
const kernel: LockOptions = { external: true, driver: 'kernel' };
const lockfile: LockOptions = { external: true, driver: 'lockfile' };
const lossOf: [title: string, options: LockOptions, change: Change][] = [
  ['whose lock file was removed', kernel, (directory) => unlinkSync(join(directory, 'x'))],
  ['whose lock file was replaced', kernel, (directory) => replace(join(directory, 'x'))],
  ['whose lock file was moved away', kernel, (directory) => renameSync(join(directory, 'x'), join(directory, 'moved'))],
  ['whose lock path was removed', kernel, (directory) => removeAll(directory)],
  ['that reads, whose lock file was removed', { ...kernel, shared: true }, (d) => unlinkSync(join(d, 'x'))],
  ['by a permit, whose lock file was removed', { ...kernel, permits: 2 }, (d) => unlinkSync(join(d, 'x'))],
  ['by a permit, whose seats were removed', { ...kernel, permits: 2 }, (d) => unlinkSync(hidden(d, 'seats', 'x'))],
  ['of the lockfile driver, whose folder was removed', lockfile, (directory) => removeAll(held(directory))],
  ['of the lockfile driver that reads', { ...lockfile, shared: true }, (directory) => removeAll(held(directory))],
  ['of the lockfile driver by a permit', { ...lockfile, permits: 2 }, (directory) => removeAll(held(directory))],
];

describe('G4 a holder that lost its lock', () => {
  it('G4 learns of it within seconds, once, by an event and by the log, and its release rejects', async () => {
    const events: { name: string; lockFile?: string; detail: { code: string } }[] = [];
    const onLost = (event: unknown): void => void events.push(event as (typeof events)[number]);
    const errors = recordedLog('error');
    subscribe('oslo-concurrency:lock:lost', onLost);
    const directories = lossOf.map(() => lockDirectory());
    const keeper = lockDirectory();
    try {
      const locks: HeldLock[] = [];
      const staying = await lock('stays', { ...kernel, lockPath: keeper.path });
      for (const [n, [, options, change]] of lossOf.entries()) {
        const lockPath = directories[n]?.path as string;
        // Each with names of its own: within this process the ten are one name otherwise.
        locks.push(await lock('x', { ...options, lockPath, semaphores: new Semaphores() }));
        change(lockPath);
      }
      await expect.poll(() => events.length).toBe(lossOf.length);
      const paths = directories.map(({ path }) => join(path, 'x'));
      expect(events.map(({ lockFile }) => lockFile).sort()).toEqual([...paths].sort());
      for (const event of events) expect(event).toMatchObject({ name: 'x', detail: { code: 'ERR_LOCK_LOST' } });
      for (const path of paths) expect(errors.filter((message) => message.includes(path))).toHaveLength(1);
      for (const one of locks) {
        expect(one.released).toBe(false);
        await expect(one.release()).rejects.toMatchObject({
          code: 'ERR_LOCK_RELEASE',
          cause: { code: 'ERR_LOCK_LOST' },
        });
        expect(one.released).toBe(true);
      }
      await staying.release();
      expect(events).toHaveLength(lossOf.length);
    } finally {
      unsubscribe('oslo-concurrency:lock:lost', onLost);
      for (const directory of [...directories, keeper]) directory[Symbol.dispose]();
    }
  });

  it.each(lossOf)('G4 learns of it at its release too: a lock %s', async (title, options, change) => {
    using directory = lockDirectory();
    const events: unknown[] = [];
    const onLost = (event: unknown): void => void events.push(event);
    subscribe('oslo-concurrency:lock:lost', onLost);
    try {
      const one = await lock('x', { ...options, lockPath: directory.path });
      // In the first 2 ms, a removal is noticed, and not that the file got another name.
      if (title.includes('moved away')) await setTimeout(4);
      change(directory.path);
      await expect(one.release()).rejects.toMatchObject({ cause: { code: 'ERR_LOCK_LOST' } });
      expect(events).toMatchObject([{ name: 'x', detail: { code: 'ERR_LOCK_LOST' } }]);
      await one.release().catch(() => {});
      expect(events).toHaveLength(1);
    } finally {
      unsubscribe('oslo-concurrency:lock:lost', onLost);
    }
  });

  it.each(['kernel', 'lockfile'] as const)('G4 learns of it at its release from lockSync, by %s', (driver) => {
    using directory = lockDirectory();
    const options: LockSyncOptions = { external: true, driver, lockPath: directory.path, timeout: 10_000 };
    const one = lockSync('x', options);
    removeAll(driver === 'kernel' ? join(directory.path, 'x') : held(directory.path));
    expect(() => one.release()).toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ code: 'ERR_LOCK_LOST' }) }),
    );
    lockSync('x', options).release();
  });

  it('G15 takes nothing of its successor away when it releases with removal', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { ...kernel, lockPath: directory.path };
    const path = join(directory.path, 'x');
    await using successor = await Contender.start();
    await (await lock('x', { ...options, permits: 2 })).release();
    const robbed = await lock('x', { ...options, removeOnRelease: true });
    unlinkSync(path);
    for (const key of ['one', 'two']) await successor.acquire('x', { ...options, permits: 2 }, key);
    const before = filesIn(directory.path);
    await expect(robbed.release()).rejects.toMatchObject({ cause: { code: 'ERR_LOCK_LOST' } });
    expect(filesIn(directory.path)).toEqual(before);
    const third = lock('x', { ...options, permits: 2, blocking: false });
    await expect(third).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
  });
});

describe('G5 a holder that lost nothing', () => {
  it('G5 is not told that it did, whatever is removed that is not part of its lock', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { ...kernel, lockPath: directory.path };
    for (const kind of ['queue', 'readers', 'wake'] as const) {
      const one = await lock('x', { ...options, shared: true });
      rmSync(hidden(directory.path, kind), { recursive: true, force: true });
      await one.release();
    }
    const one = await lock('x', { ...options, fair: true });
    await cleanLocks({ lockPath: directory.path, abandoned: true });
    await one.downgrade();
    await cleanLocks({ lockPath: directory.path, abandoned: true });
    await one.upgrade();
    await one.release();
    await (await lock('x', { ...options, removeOnRelease: true })).release();
  });

  it('G5 is not told that it did by the lockfile driver, in whatever mode it is and in every change of it', () => {
    using directory = lockDirectory();
    const driver = lockfileDriver({ synchronous: true });
    const grant = driver.tryAcquire(requestFor(join(directory.path, 'x'))) as GrantAtOnce;
    expect(grant.refresh?.(false)).toBe(true);
    grant.downgrade?.();
    expect(grant.refresh?.(false)).toBe(true);
    const upgrade = grant.upgrade?.();
    expect(grant.refresh?.(true)).toBe(true);
    upgrade?.attempt();
    expect(grant.refresh?.(true)).toBe(true);
    upgrade?.end();
    grant.release();
    expect(grant.refresh?.(true)).toBe(true);
  });

  it('G5 is not told that it did while the system does not tell, or tells another identity of the open file', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let failing = false;
    let shift = 0;
    const driver = kernelDriver({
      system: {
        ...defaultKernelSystem,
        lstatSync: (name) => {
          if (failing) throw Object.assign(new Error('EIO'), { code: 'EIO' });
          const stats = defaultKernelSystem.lstatSync(name);
          return stats && Object.assign(stats, { ino: stats.ino + shift });
        },
        fstatSync: (fd) => {
          const stats = defaultKernelSystem.fstatSync(fd);
          return Object.assign(stats, { ino: stats.ino + shift });
        },
      },
    });
    const grant = driver.tryAcquire(requestFor(path)) as GrantAtOnce;
    failing = true;
    expect(grant.refresh?.(true)).toBe(true);
    failing = false;
    shift = 1;
    expect(grant.refresh?.(true)).toBe(true);
    grant.release();
  });
});

describe('a lock that is held for long', () => {
  const old = new Date(Date.now() - 30 * 24 * 3600 * 1000);
  const lastHour = Date.now() - 3_600_000;
  const makeOld = (directory: string): void => {
    for (const path of filesIn(directory)) utimesSync(path, old, old);
  };
  const oldFiles = (directory: string): string[] =>
    filesIn(directory).filter((path) => {
      const { atimeMs, mtimeMs } = lstatSync(path);
      return atimeMs < lastHour || mtimeMs < lastHour;
    });
  const drivers = { kernel: () => kernelDriver(), lockfile: () => lockfileDriver({ synchronous: true }) };

  it.each([
    ['kernel', 'alone', alone],
    ['kernel', 'as a reader', reader],
    ['kernel', 'by a permit', permit],
    ['lockfile', 'alone', alone],
    ['lockfile', 'as a reader', reader],
    ['lockfile', 'by a permit', permit],
  ] as const)('keeps all its files young, and the marker of the driver: %s, %s', (name, _how, mode) => {
    using directory = lockDirectory();
    const driver = drivers[name]();
    const request = requestFor(join(directory.path, 'x'), mode);
    const place = name === 'kernel' ? (driver.joinQueue?.(request) as { leave(): void }) : undefined;
    const grant = driver.tryAcquire(request) as GrantAtOnce;
    makeOld(directory.path);
    grant.refresh?.(false);
    expect(oldFiles(directory.path)).toEqual(filesIn(directory.path));
    grant.refresh?.(true);
    expect(oldFiles(directory.path)).toEqual([]);
    grant.release();
    place?.leave();
  });

  it('keeps the file of another user young by writing what it says, without changing it', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const refused = (): never => {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    };
    const driver = kernelDriver({ system: { ...defaultKernelSystem, futimesSync: refused } });
    const grant = driver.tryAcquire(requestFor(path)) as GrantAtOnce;
    makeOld(directory.path);
    const before = defaultKernelSystem.lstatSync(path)?.size;
    grant.refresh?.(true);
    expect(lstatSync(path).mtimeMs).toBeGreaterThan(lastHour);
    expect(lstatSync(path).size).toBe(before);
    const died = kernelDriver();
    expect(died.holders(requestFor(path))).toMatchObject([{ pid: process.pid }]);
    grant.release();
    const next = died.tryAcquire(requestFor(path)) as GrantAtOnce;
    expect(next.previousOwnerDied).toBe(false);
    next.release();
    const shared = driver.tryAcquire(requestFor(path, reader)) as GrantAtOnce;
    shared.refresh?.(true);
    expect((died.tryAcquire(requestFor(path, reader)) as GrantAtOnce).previousOwnerDied).toBe(false);
  });
});

test('G4 a lock is looked at every 5 s until its end, one look at a time, and kept young once an hour; its loss is told once', async () => {
  const { stdout, stderr, exitCode } = await runFixture('looks-by-hand.mjs', {});
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({
    timers: [{ every: 5000, keepsAlive: false }],
    young: [720, 1440],
    afterItsEnd: { looks: 1500, cleared: true },
    whileOneIsUnderWay: 1,
    afterItsAnswer: 2,
    lostAfterItsEnd: [],
    failures: 3,
    lost: { asked: 1, lost: ['lost'] },
  });
});

it('G25 nothing looks after a lock that was released, nor keeps its grant', async () => {
  using directory = lockDirectory();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let kept: WeakRef<object> | undefined;
  const driver: LockDriver = {
    name: 'can-be-looked-after',
    tryAcquire() {
      const grant = { previousOwnerDied: false, release() {}, refresh: () => true };
      kept = new WeakRef(grant);
      return grant;
    },
    holders: () => [],
  };
  await (await lock('x', { external: true, lockPath: directory.path, driver })).release();
  expect(kept).toBeDefined();
  await expect
    .poll(() => {
      collect();
      return kept?.deref() === undefined;
    })
    .toBe(true);
});
