import { mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { folderLockStatus } from '../../../../build/drivers/lockfile/care/lock-status.js';
import { removeUnusedFolders } from '../../../../build/drivers/lockfile/care/remove-unused.js';
import { runSync } from '../../../../build/steps.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const everything = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: true };

/** The file system as a user sees it that may not read one folder, or `failing` with another error there. */
function withoutAccessTo(folder: string, code = 'EACCES'): typeof synchronousFs {
  return {
    ...synchronousFs,
    readdir(path) {
      if (path === folder) throw Object.assign(new Error(`${code}: scandir '${path}'`), { code, path });
      return synchronousFs.readdir(path);
    },
  };
}

describe('the status of a lock of the lockfile driver', () => {
  it.each(['held', 'queue', 'died-seats'])(
    'is unknown, with the reason, if its folder in %s/ is not readable',
    async (kind) => {
      using directory = lockDirectory();
      const lockFile = join(directory.path, 'x');
      const held = await lock('x', { external: true, lockPath: directory.path, driver: 'lockfile' });
      const folder = join(directory.path, '.oslo-concurrency', 'lockfile', kind, 'x');
      mkdirSync(folder, { recursive: true });
      const fs = withoutAccessTo(folder);
      const status = runSync(folderLockStatus(fs, lockFile));
      expect(status).toMatchObject({
        state: 'unknown',
        holders: [],
        waiters: undefined,
        note: expect.stringContaining('x'),
      });
      const before = readdirSync(join(directory.path, '.oslo-concurrency'), { recursive: true });
      expect(runSync(removeUnusedFolders(fs, lockFile, everything))).toMatchObject({ reason: 'unreadable' });
      expect(readdirSync(join(directory.path, '.oslo-concurrency'), { recursive: true })).toEqual(before);
      expect(() => runSync(folderLockStatus(withoutAccessTo(folder, 'EIO'), lockFile))).toThrow('EIO');
      await held.release();
    },
  );

  it('was last used when any part of it was last created or changed', async () => {
    using directory = lockDirectory();
    const lockFile = join(directory.path, 'x');
    const held = await lock('x', { external: true, lockPath: directory.path, driver: 'lockfile' });
    const folder = join(directory.path, '.oslo-concurrency', 'lockfile', 'held', 'x');
    const later = Math.trunc(Date.now() / 1000) + 1000;
    utimesSync(join(folder, readdirSync(folder)[0] ?? ''), later, later);
    expect(runSync(folderLockStatus(synchronousFs, lockFile))?.lastUsed).toEqual(new Date(later * 1000));
    await held.release();
  });
});
