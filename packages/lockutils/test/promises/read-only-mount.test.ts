import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeLockPath, type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const mount = (...args: string[]): boolean => spawnSync('mount', args).status === 0;

const missing = ((): string | undefined => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root, to mount';
  const probe = mkdtempSync(join(tmpdir(), 'mount-'));
  try {
    if (!mount('-t', 'tmpfs', 'tmpfs', probe)) return 'needs the right to mount';
    spawnSync('umount', [probe]);
    return undefined;
  } finally {
    rmSync(probe, { recursive: true });
  }
})();
const because = missing === undefined ? '' : ` (${missing})`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'read-only-'));
  mount('-t', 'tmpfs', 'tmpfs', directory);
});
afterEach(() => {
  closeLockPath({ lockPath: directory });
  spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
});
const makeReadOnly = (): void => {
  // What is open for writing keeps a file system from it.
  closeLockPath({ lockPath: directory });
  if (!mount('-o', 'remount,ro', directory)) throw new Error('remount failed');
};
const makeWritable = (): boolean => mount('-o', 'remount,rw', directory);

describe.skipIf(missing !== undefined).each(['kernel', 'lockfile'] as const)(
  `G16 a lock path on a read-only mount, driver %s${because}`,
  (driver) => {
    const ways: [title: string, options: LockOptions][] = [
      ['alone', {}],
      ['fair', { fair: true }],
      ['shared', { shared: true }],
      ['by permits', { permits: 2 }],
    ];
    const readOnly = { code: 'ERR_LOCK_PATH', problem: 'read-only', message: expect.stringContaining('read-only') };

    test.each(ways)('is said to be read-only, and works once it is writable: never used, %s', async (_title, mode) => {
      const lockPath = join(directory, 'locks');
      mkdirSync(lockPath);
      makeReadOnly();
      const options: LockOptions = { external: true, driver, lockPath, ...mode };
      await expect(lock('x', { ...options, timeout: 10_000 })).rejects.toMatchObject({ ...readOnly, path: lockPath });
      expect(() => lockSync('x', { ...options, timeout: 10_000 })).toThrow(expect.objectContaining(readOnly));
      expect(readdirSync(lockPath)).toEqual([]);
      makeWritable();
      await lock('x', options, () => {});
    });

    test.each(ways)('is said to be read-only, and works once it is writable: used before, %s', async (_title, mode) => {
      const options: LockOptions = { external: true, driver, lockPath: directory, ...mode };
      await lock('x', options, () => {});
      makeReadOnly();
      await expect(lock('new', options)).rejects.toMatchObject(readOnly);
      makeWritable();
      await lock('new', options, () => {});
    });
  },
);
