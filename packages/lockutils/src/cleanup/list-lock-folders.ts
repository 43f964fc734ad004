import { join } from 'node:path';
import { promisedFs } from '../drivers/lockfile/lockfile-fs.js';
import { run } from '../steps.js';
import { folderLockStatus } from './folder-lock-status.js';
import { lockFolderNames } from './lock-folder-names.js';
import type { LockStatus } from './lock-status.js';

/**
 * Lists the locks of the lockfile driver. A free one leaves nothing behind, so it is found only where somebody waits for it,
 * or died.
 */
export async function listLockFolders(directory: string): Promise<LockStatus[]> {
  const found: LockStatus[] = [];
  for (const name of lockFolderNames(directory)) {
    const lockFile = join(directory, name);
    const status = await run(folderLockStatus(promisedFs, lockFile));
    if (status !== undefined) found.push({ name, lockFile, ...status });
  }
  return found;
}
