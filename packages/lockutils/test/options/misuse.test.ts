import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireAll,
  cleanLocks,
  externalLock,
  InterProcessLock,
  internalLock,
  type LockOptions,
  lease,
  listLocks,
  lock,
  lockSync,
  lockWithPrefix,
  ReaderWriterLock,
  removeExternalLockFile,
  Semaphores,
  synchronized,
  synchronizedWithPrefix,
} from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';

/** As from JavaScript, which no compiler has looked at. */
const untyped = (value: unknown): never => value as never;
const refused = (option: string) => ({ code: 'ERR_INVALID_OPTION', option });
const now = (call: () => unknown) => async () => call();

describe('G16 what would silently do nothing is refused', () => {
  it('options behind the function, external among them', async () => {
    using directory = lockDirectory();
    const external = { external: true, lockPath: directory.path };
    let ran = 0;
    const fn = (): number => ++ran;
    const object = new InterProcessLock(join(directory.path, 'x'));
    for (const call of [
      () => lock('x', fn as never, untyped(external)),
      () => lock('x', fn as never, untyped(null)),
      () => acquireAll(['x'], fn as never, untyped(external)),
      () => lockSync('x', fn as never, untyped(external)),
      () => object.acquire(fn as never, untyped({ timeout: 5 })),
      () => new ReaderWriterLock().readLock(fn as never, untyped({ timeout: 5 })),
    ]) {
      await expect(now(call)()).rejects.toMatchObject(refused('fn'));
    }
    expect(ran).toBe(0);
  });

  it('unknown and misspelt options of cleanLocks and listLocks; nothing is removed then', async () => {
    using directory = lockDirectory();
    const { path: lockPath } = directory;
    await lock('kept', { external: true, lockPath }, () => {});
    for (const wrong of [{ dryrun: true }, { olderthan: 1e9 }, null, 'x']) {
      const options = typeof wrong === 'object' && wrong !== null ? { lockPath, ...wrong } : wrong;
      await expect(now(() => cleanLocks(untyped(options)))()).rejects.toMatchObject(refused('options'));
      await expect(now(() => listLocks(untyped(options)))()).rejects.toMatchObject(refused('options'));
    }
    expect(existsSync(join(lockPath, 'kept'))).toBe(true);
  });

  it('unknown options of upgrade, and values it cannot take', async () => {
    await using held = await lock('x', { shared: true });
    for (const [option, options] of [
      ['timeout', { timeout: '200' }],
      ['timeout', { timeout: -5 }],
      ['timeout', { timeout: Number.NaN }],
      ['signal', { signal: 5 }],
      ['options', { timout: 5 }],
      ['options', null],
    ] as const) {
      await expect(held.upgrade(untyped(options))).rejects.toMatchObject(refused(option));
    }
    expect(held.mode).toBe('shared');
  });

  it('shared and permits of removeExternalLockFile', async () => {
    using directory = lockDirectory();
    const { path: lockPath } = directory;
    for (const [option, value] of [['shared', true] as const, ['permits', 3] as const]) {
      const removed = removeExternalLockFile('x', untyped({ lockPath, [option]: value }));
      await expect(removed).rejects.toMatchObject(refused(option));
    }
    expect(readdirSync(lockPath)).toEqual([]);
  });

  it('objects that only look like what is asked for', async () => {
    const wrong: readonly [keyof LockOptions, unknown][] = [
      ['signal', new EventTarget()],
      ['semaphores', { registry: {} }],
      ['semaphores', { registry: null }],
      ['driver', { tryAcquire: () => undefined }],
    ];
    for (const [option, value] of wrong) {
      await expect(lock('x', untyped({ [option]: value }))).rejects.toMatchObject(refused(option));
    }
    expect(() => externalLock(untyped(4))).toThrow(expect.objectContaining(refused('name')));
    expect(() => externalLock('x', untyped(null))).toThrow(expect.objectContaining(refused('options')));
  });

  it('lockPath and driver without external: two processes would be in at once', async () => {
    using directory = lockDirectory();
    const { path: lockPath } = directory;
    for (const options of [{ lockPath }, { driver: 'kernel' as const }, { lockPath, external: undefined }]) {
      const message = expect.stringMatching(/external must be true where (lockPath|driver) is given.*; got undefined/);
      const wrong = { ...refused('external'), message };
      for (const call of [
        () => lock('x', options),
        () => lock('x', options, () => {}),
        () => lockWithPrefix('p')('x', options),
        () => acquireAll(['x'], options),
        () => acquireAll([], options),
        () => synchronized('x', options),
        () => synchronizedWithPrefix('p')('x', options),
      ]) {
        await expect(now(call)()).rejects.toMatchObject(wrong);
      }
    }
    // Said in so many words, it stays allowed; and where external goes without saying nothing is missing.
    await lock('x', { external: false, lockPath }, () => {});
    expect(readdirSync(lockPath)).toEqual([]);
    lockSync('x', { lockPath, external: undefined }, (held) => expect(held.external).toBe(true));
    await removeExternalLockFile('x', { lockPath });
    await externalLock('x', { lockPath, driver: 'kernel' }).acquire(() => {});
    await lock('x', { lockPath: '' }, () => {});
  });

  it('names, prefixes and paths with half of a surrogate pair: several would lead to one file', async () => {
    using directory = lockDirectory();
    const { path: lockPath } = directory;
    const external = { external: true, lockPath };
    const half = 'x\ud800';
    const other = '\udbffx';
    for (const call of [
      () => lock(half),
      () => lock(other, external),
      () => lockSync(half, { lockPath }),
      () => acquireAll([half, 'x\udbff'], external),
      () => synchronized(half),
      () => internalLock(half),
      () => new Semaphores().get(half),
      () => new ReaderWriterLock(half),
      () => externalLock(half, { lockPath }),
      () => removeExternalLockFile(half, { lockPath }),
    ]) {
      await expect(now(call)()).rejects.toMatchObject({
        code: 'ERR_INVALID_LOCK_NAME',
        problem: 'not-well-formed',
      });
    }
    const prefix = () => lock('x', { ...external, lockFilePrefix: half });
    await expect(now(prefix)()).rejects.toMatchObject(refused('lockFilePrefix'));
    const path = () => lock('x', { external: true, lockPath: join(lockPath, half) });
    await expect(now(path)()).rejects.toMatchObject(refused('lockPath'));
    expect(() => new InterProcessLock(join(lockPath, half))).toThrow(expect.objectContaining(refused('path')));
    const leased = () => lease(half, { driver: lockfileLeaseDriver({ lockPath }), ttl: 1000 });
    await expect(now(leased)()).rejects.toMatchObject(refused('name'));
    expect(readdirSync(lockPath)).toEqual([]);
    // A whole pair is a character like any other.
    await lock('x\u{1f512}', external, () => {});
  });

  it('a generator function as the body: its body would run without the lock', async () => {
    function* generator() {
      yield 1;
    }
    async function* asyncGenerator() {
      yield 1;
    }
    for (const fn of [generator, asyncGenerator] as never[]) {
      for (const call of [
        () => lock('x', fn),
        () => lock('x', {}, fn),
        () => acquireAll(['x'], fn),
        () => lockSync('x', { external: false }, fn),
        () => internalLock('x').acquire(fn),
        () => new ReaderWriterLock().writeLock(fn),
      ]) {
        const message = expect.stringMatching(/fn must be a function, not a generator/);
        await expect(now(call)()).rejects.toMatchObject({ ...refused('fn'), message });
      }
    }
    await lock('x', { blocking: false }, () => {});
  });
});
