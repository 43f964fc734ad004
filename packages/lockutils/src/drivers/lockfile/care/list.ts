import { join } from 'node:path';
import { hiddenFolder, namesIn } from '../../../lock-path/hidden-folder.js';
import { run } from '../../../steps.js';
import type { LockStatus } from '../../lock-status.js';
import { promisedFs } from '../system.js';
import { folderLockStatus } from './lock-status.js';

/**
 * Lists the locks of the lockfile driver. A free lock leaves nothing behind, so it is found only if a process waits for
 * it, or died.
 */
export async function listLockFolders(directory: string): Promise<LockStatus[]> {
  const found: LockStatus[] = [];
  for (const name of lockFolderNames(directory)) {
    const lockFile = join(directory, name);
    const status = await run(folderLockStatus(promisedFs, lockFile));
    if (status === undefined) continue;
    const { refused: _, ...known } = status;
    found.push({ name, lockFile, ...known });
  }
  return found;
}

/** The names of all locks of the lockfile driver that have any file or folder in a lock path, sorted. */
export function lockFolderNames(directory: string): string[] {
  return [...new Set(changingFolders(directory).flatMap(namesIn))].sort();
}

/** The folders that have an entry for each lock. */
export function changingFolders(directory: string): readonly string[] {
  return ['held', 'died', 'died-seats', 'queue'].map((kind) => join(directory, hiddenFolder, 'lockfile', kind));
}
