import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
import type { ListLocksOptions } from './lock-path-care.js';
import type { LockStatus } from './lock-status.js';

/** What the public `listLocks` does. */
export async function listLocks(options: ListLocksOptions): Promise<LockStatus[]> {
  const directory = directoryOf(options);
  const entries = readLockPath(directory);
  // Loaded when it is asked for, as the drivers are (G22).
  const found =
    driverOf(directory) === 'lockfile'
      ? await (await import('./list-lock-folders.js')).listLockFolders(directory)
      : (await import('./list-lock-files.js')).listLockFiles(directory, entries);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
