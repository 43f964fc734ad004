import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  acquireAll,
  cleanLocks,
  externalLock,
  InterProcessLock,
  type LockOptions,
  listLocks,
  lock,
  lockSync,
  ReaderWriterLock,
  removeExternalLockFile,
} from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from './lock-directory.js';

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
});
