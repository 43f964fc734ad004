import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configure } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { externalLock, InterProcessLock, lock } from '../../dist/index.js';
import { lockDirectory } from '../fixtures/lock-directory.js';
import { hasOslo, startPeer } from '../fixtures/peer.js';

describe('InterProcessLock', () => {
  test('is acquired, released and acquired again, and says which it is', async () => {
    const path = join(lockDirectory(), 'deploy.lock');
    const mine = new InterProcessLock(path);
    expect(mine.acquired).toBe(false);
    expect(mine.exists()).toBe(false);
    for (const _ of [1, 2]) {
      const held = await mine.acquire();
      expect([mine.acquired, held.lockFile, mine.exists()]).toEqual([true, path, true]);
      await mine.release();
      expect([mine.acquired, held.released]).toEqual([false, true]);
    }
    expect(await mine.acquire(() => mine.acquired)).toBe(true);
    expect(mine.acquired).toBe(false);
  });

  test('G9 two objects on one path exclude each other, however the path is written', async () => {
    const directory = lockDirectory();
    mkdirSync(join(directory, 'sub'));
    const one = new InterProcessLock(join(directory, 'x'));
    const two = new InterProcessLock(`${directory}/sub/../x`);
    await one.acquire();
    expect(await two.tryAcquire()).toBeUndefined();
    await expect(two.acquire({ timeout: 0 })).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    await one.release();
    expect(await two.tryAcquire()).toMatchObject({ released: false });
    await two.release();
  });

  test('a second acquire of the same object waits its turn; it does not get in beside the first', async () => {
    const mine = new InterProcessLock(join(lockDirectory(), 'x'));
    const order: string[] = [];
    await mine.acquire();
    const second = mine.acquire(() => order.push('second'));
    order.push('first');
    expect(await mine.tryAcquire()).toBeUndefined();
    await mine.release();
    await second;
    expect(order).toEqual(['first', 'second']);
  });

  test('releasing what is not held is an error and changes nothing', async () => {
    const path = join(lockDirectory(), 'x');
    const mine = new InterProcessLock(path);
    await expect(mine.release()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD', lockName: path });
    const other = new InterProcessLock(path);
    await other.acquire();
    await expect(mine.release()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
    expect(other.acquired).toBe(true);
    await other.release();
  });

  test('G12 asking again inside its own body is an error at once', async () => {
    const mine = new InterProcessLock(join(lockDirectory(), 'x'));
    await expect(mine.acquire(() => mine.acquire())).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
    expect(mine.acquired).toBe(false);
  });

  test('G14 a throw inside the body releases', async () => {
    const mine = new InterProcessLock(join(lockDirectory(), 'x'));
    const failure = new Error('the body failed');
    await expect(
      mine.acquire(() => {
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(mine.acquired).toBe(false);
    expect(await mine.tryAcquire()).toBeDefined();
    await mine[Symbol.asyncDispose]();
    expect(mine.acquired).toBe(false);
    await mine[Symbol.asyncDispose]();
  });

  test('what is in the file stays', async () => {
    const path = join(lockDirectory(), 'data');
    writeFileSync(path, 'mine');
    await new InterProcessLock(path).acquire(() => {});
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });

  test('a directory that is not there is an error, and is not made', async () => {
    const path = join(lockDirectory(), 'missing', 'x');
    await expect(new InterProcessLock(path).acquire()).rejects.toMatchObject({ code: 'ERR_LOCK_PATH' });
    expect(existsSync(join(path, '..'))).toBe(false);
  });

  test.each(['', '/', 'a\0b', 'folder/', '..', 'a/.', undefined])(
    'a path %j is refused before anything is opened',
    (path) => {
      expect(() => new InterProcessLock(path as string)).toThrow(expect.objectContaining({ code: expect.any(String) }));
    },
  );

  test('options that would do nothing are refused', async () => {
    const path = join(lockDirectory(), 'x');
    expect(() => new InterProcessLock(path, { lockPath: '/x' } as object)).toThrow(
      "Unknown option 'lockPath'. Known are driver,",
    );
    const mine = new InterProcessLock(path);
    await expect(mine.acquire({ external: false } as object)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    await expect(mine.acquire({ timeout: -1 })).rejects.toMatchObject({ option: 'timeout' });
    await expect(mine.acquire({}, 'x' as never)).rejects.toMatchObject({ option: 'fn' });
    expect(mine.exists()).toBe(false);
  });

  test('removeOnRelease removes the file', async () => {
    const mine = new InterProcessLock(join(lockDirectory(), 'x'), { removeOnRelease: true, label: 'me' });
    await mine.acquire(() => expect(mine.exists()).toBe(true));
    expect(mine.exists()).toBe(false);
  });

  test('G9 it excludes another process, and is excluded by it', async () => {
    const path = join(lockDirectory(), 'x');
    const peer = startPeer('hold-file.mjs', ['lock', path]);
    expect(await peer.line()).toBe('held');
    const mine = new InterProcessLock(path);
    expect(await mine.tryAcquire()).toBeUndefined();
    const waiting = mine.acquire();
    peer.tell('go on');
    await waiting;
    const second = startPeer('hold-file.mjs', ['lock', path]);
    await mine.release();
    expect(await second.line()).toBe('held');
  });

  test('G21 works on the lockfile driver, which leaves no file of the name', async () => {
    const path = join(lockDirectory(), 'x');
    const mine = new InterProcessLock(path, { driver: 'lockfile' });
    const other = new InterProcessLock(path, { driver: 'lockfile' });
    await mine.acquire();
    expect(await other.tryAcquire()).toBeUndefined();
    await mine.release();
    await other.acquire(() => expect(other.exists()).toBe(false));
    await expect(new InterProcessLock(path).acquire()).rejects.toMatchObject({ code: 'ERR_LOCK_DRIVER_MISMATCH' });
  });

  test.skipIf(!hasOslo)('G9 it excludes Python’s InterProcessLock, and is excluded by it', async () => {
    const path = join(lockDirectory(), 'x');
    const mine = new InterProcessLock(path);
    const peer = startPeer('hold-file.py', ['lock', path]);
    expect(await peer.line()).toBe('held');
    expect(await mine.tryAcquire()).toBeUndefined();
    const waiting = mine.acquire();
    peer.tell('go on');
    await waiting;
    expect(await peer.line()).toBe('released');
    await mine.release();
  });
});

describe('externalLock', () => {
  test('G9 is the lock file of the name: it excludes lock() with external, and not the internal lock', async () => {
    const lockPath = lockDirectory();
    const mine = externalLock('a/b', { lockFilePrefix: 'nova', lockPath });
    expect(mine.path).toBe(join(lockPath, 'nova-a_b'));
    await mine.acquire();
    const taken = lock('a/b', { external: true, lockFilePrefix: 'nova-', lockPath, blocking: false });
    await expect(taken).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await lock('a/b', { blocking: false }, () => {});
    await mine.release();
  });

  test('takes the file also where disableProcessLocking is set, as oslo’s does', async () => {
    const lockPath = lockDirectory();
    using _ = configure({ disableProcessLocking: true, lockPath });
    const mine = externalLock('x');
    await mine.acquire();
    expect(mine.exists()).toBe(true);
    expect(await new InterProcessLock(mine.path).tryAcquire()).toBeUndefined();
    await mine.release();
  });

  test('without a lock path it says what to do', () => {
    expect(() => externalLock('x')).toThrow(expect.objectContaining({ code: 'ERR_LOCK_PATH_REQUIRED' }));
  });
});
