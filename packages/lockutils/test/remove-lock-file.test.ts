import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { configure } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { lock, removeExternalLockFile } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';
import { startPeer } from './fixtures/peer.js';

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

  test('wrong options are refused', async () => {
    await expect(removeExternalLockFile('a', null as never)).rejects.toMatchObject({ option: 'options' });
    await expect(removeExternalLockFile('a')).rejects.toMatchObject({ code: 'ERR_LOCK_PATH_REQUIRED' });
  });
});
