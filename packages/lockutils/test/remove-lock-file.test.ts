import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { configure } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { listLocks, lock, removeExternalLockFile } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';
import { startPeer } from './fixtures/peer.js';
import { Contender } from './support/contender.js';

describe('removeExternalLockFile', () => {
  test('removes the file of a name that nobody holds, and nothing else', async () => {
    const lockPath = lockDirectory();
    for (const name of ['a', 'b/c']) await lock(name, { external: true, lockPath }, () => {});
    await removeExternalLockFile('b/c', { lockPath });
    expect(readdirSync(lockPath).filter((name) => !name.startsWith('.'))).toEqual(['a']);
  });

  test('of a name that has no file leaves none', async () => {
    const lockPath = lockDirectory();
    await removeExternalLockFile('a', { lockPath });
    expect(existsSync(join(lockPath, 'a'))).toBe(false);
  });

  test('G15 waits for a holder in another process, and takes nothing away from under it', async () => {
    const lockPath = lockDirectory();
    const path = join(lockPath, 'a');
    const peer = startPeer('hold-file.mjs', ['lock', path]);
    expect(await peer.line()).toBe('held');
    const now = removeExternalLockFile('a', { lockPath, blocking: false });
    await expect(now).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await expect(removeExternalLockFile('a', { lockPath, timeout: 20 })).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
    });
    expect(existsSync(path)).toBe(true);
    const removed = removeExternalLockFile('a', { lockPath });
    peer.tell('go on');
    await removed;
    expect(existsSync(path)).toBe(false);
  });

  test('waits for an internal holder of the name too, as oslo’s does', async () => {
    const lockPath = lockDirectory();
    await lock('a', { external: true, lockPath }, () => {});
    const held = await lock('a');
    await expect(removeExternalLockFile('a', { lockPath, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
    await held.release();
    await removeExternalLockFile('a', { lockPath, blocking: false });
    expect(existsSync(join(lockPath, 'a'))).toBe(false);
  });

  test('G12 inside a body that holds the name it is an error at once, and the file stays', async () => {
    const lockPath = lockDirectory();
    await lock('a', { external: true, lockPath }, async (held) => {
      await expect(removeExternalLockFile('a', { lockPath })).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
      expect(existsSync(held.lockFile ?? '')).toBe(true);
    });
  });

  test('removes also where disableProcessLocking is set', async () => {
    const lockPath = lockDirectory();
    await lock('a', { external: true, lockPath }, () => {});
    using _ = configure({ disableProcessLocking: true });
    await removeExternalLockFile('a', { lockPath });
    expect(existsSync(join(lockPath, 'a'))).toBe(false);
  });

  test.each(['kernel', 'lockfile'] as const)(
    'G19 leaves the report of a dead holder to the next one, and removes what is left when that one has learned: %s',
    async (driver) => {
      const lockPath = lockDirectory();
      const options = { lockPath, driver, external: true } as const;
      await using victim = await Contender.start();
      await victim.acquire('a', options);
      await victim.end('SIGKILL');
      await removeExternalLockFile('a', { lockPath, driver });
      const next = await lock('a', { ...options, blocking: false });
      expect(next.previousOwnerDied).toBe(true);
      await next.release();
      await removeExternalLockFile('a', { lockPath, driver });
      expect(existsSync(join(lockPath, 'a'))).toBe(false);
      expect((await listLocks({ lockPath })).map(({ name }) => name)).toEqual([]);
    },
  );

  test.each(['kernel', 'lockfile'] as const)(
    'G19 leaves the report of a dead permit holder to the next one: %s',
    async (driver) => {
      const lockPath = lockDirectory();
      const options = { lockPath, driver, external: true } as const;
      await using victim = await Contender.start();
      await victim.acquire('a', { ...options, permits: 1 });
      await victim.end('SIGKILL');
      await removeExternalLockFile('a', { lockPath, driver });
      await lock('a', { ...options, removeOnRelease: true }, () => {});
      const next = await lock('a', { ...options, permits: 1, blocking: false });
      expect(next.previousOwnerDied).toBe(true);
      await next.release();
      await removeExternalLockFile('a', { lockPath, driver });
      expect((await listLocks({ lockPath })).map(({ name }) => name)).toEqual([]);
    },
  );

  test('wrong options are refused', async () => {
    await expect(removeExternalLockFile('a', null as never)).rejects.toMatchObject({ option: 'options' });
    await expect(removeExternalLockFile('a')).rejects.toMatchObject({ code: 'ERR_LOCK_PATH_REQUIRED' });
  });
});
