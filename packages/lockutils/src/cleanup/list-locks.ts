import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
import type { LockStatus } from './lock-status.js';

/** Options of {@link listLocks}. */
export interface ListLocksOptions {
  /** The directory to list; the configured lock path by default. */
  readonly lockPath?: string;
}

/**
 * Lists the locks of a lock path, sorted by name. Reads only: no lock is tried, so nobody's attempt fails because of it.
 *
 * Who holds is the kernel's word (`/proc/locks`), whatever the record in the lock file claims. Where that table cannot
 * be had the state is `unknown`; so it is inside a container for files that only Python used. The answer is about moments ago, and about this machine.
 *
 * @throws LockPathRequiredError, LockPathError, or the system's error when the directory cannot be read.
 * @example
 * for (const { name, state, holders } of await listLocks()) console.log(name, state, holders[0]?.pid);
 */
export async function listLocks(options: ListLocksOptions = {}): Promise<LockStatus[]> {
  const directory = directoryOf(options);
  const entries = readLockPath(directory);
  // Loaded when it is asked for, as the drivers are (G22).
  const found =
    driverOf(directory) === 'lockfile'
      ? await (await import('./list-lock-folders.js')).listLockFolders(directory)
      : (await import('./list-lock-files.js')).listLockFiles(directory, entries);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
