import { InvalidOptionError } from '@oslo-concurrency/core';
import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
import type { KeepReason } from './remove-unused-lock.js';

/** Options of {@link cleanLocks}. */
export interface CleanLocksOptions {
  /** The directory to clean; the configured lock path by default. */
  readonly lockPath?: string;
  /** Only locks that nobody has taken for so long, ms; 0 by default: all. */
  readonly olderThan?: number;
  /** `true` also removes locks whose last holder died, so that the next holder gets no `previousOwnerDied` (G19). */
  readonly abandoned?: boolean;
  /** `true` removes nothing and tells what would be. */
  readonly dryRun?: boolean;
}

/** What {@link cleanLocks} did. Names are those of the lock files. */
export interface CleanLocksResult {
  /** The locks whose files were removed, or would have been. */
  readonly removed: readonly string[];
  /** Everything else in the directory, and why it is still there; `error` is the system's, where it refused. */
  readonly kept: readonly { readonly name: string; readonly reason: KeepReason; readonly error?: unknown }[];
}

/**
 * Removes the files of locks that nobody holds or waits for, while others go on locking. Waits for nobody.
 *
 * Promises: no two holders because of it (G15); what is not certainly a lock file stays, and so do links and folders; in
 * a directory this library has never locked in, empty files stay too. Does not promise that to Python's oslo, which may
 * go on waiting for a file that was removed; use `olderThan` there. A `blocking: false` that meets the removal of its
 * name, some 50 us, fails.
 *
 * @throws LockPathRequiredError, LockPathError, LockDriverMismatchError, NetworkFileSystemError.
 * @example
 * await cleanLocks({ olderThan: 7 * 24 * 3600 * 1000 });
 */
export async function cleanLocks(options: CleanLocksOptions = {}): Promise<CleanLocksResult> {
  const { olderThan = 0, abandoned = false, dryRun = false } = options;
  if (typeof olderThan !== 'number' || !(olderThan >= 0)) {
    throw new InvalidOptionError('olderThan', 'a number of milliseconds, 0 or more', olderThan);
  }
  for (const [name, value] of Object.entries({ abandoned, dryRun })) {
    if (typeof value !== 'boolean') throw new InvalidOptionError(name, 'a boolean', value);
  }
  const directory = directoryOf(options);
  const names = readLockPath(directory).sort();
  // The files of the lockfile driver are gone with the lock.
  if (driverOf(directory) === 'lockfile') return { removed: [], kept: [] };
  // Loaded when it is asked for, as the drivers are (G22).
  const { cleanLockFiles } = await import('./clean-lock-files.js');
  return cleanLockFiles(directory, names, { olderThan, abandoned, dryRun });
}
