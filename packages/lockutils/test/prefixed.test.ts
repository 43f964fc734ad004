import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { configure } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { lock, lockWithPrefix, removeExternalLockFileWithPrefix, synchronizedWithPrefix } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';

describe('one prefix for a project', () => {
  test.each(['nova', 'nova-'])('%j: lock, synchronized and removal mean the file nova-x', async (prefix) => {
    const lockPath = lockDirectory();
    using _ = configure({ lockPath });
    const file = join(lockPath, 'nova-x');
    const novaLock = lockWithPrefix(prefix);
    await using held = await novaLock('x', { external: true });
    expect(held.lockFile).toBe(file);
    await held.release();
    expect(await novaLock('x', { external: true }, (one) => one.lockFile)).toBe(file);
    const locked = synchronizedWithPrefix(prefix)('x', { external: true })(async () =>
      lock('y', { external: true, lockFilePrefix: 'other' }, () => existsSync(file)),
    );
    expect(await locked()).toBe(true);
    await removeExternalLockFileWithPrefix(prefix)('x');
    expect(existsSync(file)).toBe(false);
    expect(existsSync(join(lockPath, 'other-y'))).toBe(true);
  });

  test('is no part of the internal lock, as in oslo: the name alone is', async () => {
    await lockWithPrefix('nova')('x', async () => {
      await expect(lock('x', { blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    });
  });

  test('a call may name another one', async () => {
    const lockPath = lockDirectory();
    const held = await lockWithPrefix('nova')('x', { external: true, lockPath, lockFilePrefix: 'cinder' });
    expect(held.lockFile).toBe(join(lockPath, 'cinder-x'));
    await held.release();
  });

  test('the empty prefix is none', async () => {
    const lockPath = lockDirectory();
    expect(await lockWithPrefix('')('x', { external: true, lockPath }, (held) => held.lockFile)).toBe(
      join(lockPath, 'x'),
    );
  });

  test('a prefix that cannot begin a file name, and options that are none, are refused', async () => {
    expect(() => lockWithPrefix('a/b')).toThrow('lockFilePrefix must be a string without "/"; got \'a/b\' (string)');
    expect(() => synchronizedWithPrefix(5 as never)).toThrow('lockFilePrefix must be a string');
    await expect(lockWithPrefix('nova')('x', null as never)).rejects.toMatchObject({ option: 'options' });
    await expect(lockWithPrefix('nova')('x', {}, 'fn' as never)).rejects.toMatchObject({ option: 'fn' });
  });
});
