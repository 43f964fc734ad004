import type { KeepReason } from '../drivers/kernel/care/remove-unused.js';
import { cleanLocks as doCleanLocks } from './clean-locks.js';
import { listLocks as doListLocks } from './list-locks.js';
import type { LockStatus } from './lock-status.js';

/** Options of {@link cleanLocks}. */
export interface CleanLocksOptions {
  /** The directory to clean; the configured lock path by default. */
  readonly lockPath?: string;
  /** Only locks that nobody has taken (or, with the lockfile driver, waited for) for so long, ms; 0 by default: all. */
  readonly olderThan?: number;
  /** `true` also removes locks whose last holder died, so that the next holder gets no `previousOwnerDied` (G19). */
  readonly abandoned?: boolean;
  /** `true` removes nothing and tells what would be. */
  readonly dryRun?: boolean;
}

/** What {@link cleanLocks} did. Names are those of the lock files. */
export interface CleanLocksResult {
  /** The locks whose files or folders were removed, or would have been. */
  readonly removed: readonly string[];
  /**
   * Everything else in the directory (with the lockfile driver: all other locks), and why it is still there; `error` is
   * the system's, where it refused.
   */
  readonly kept: readonly { readonly name: string; readonly reason: KeepReason; readonly error?: unknown }[];
}

/**
 * Removes the files of locks that nobody holds or waits for, while others go on locking. Waits for nobody.
 *
 * Locks of the lockfile driver have files only while they are held or waited for. Of these it removes what the dead of this
 * machine have left: their places in line, readers, and what they were making.
 *
 * Promises: no two holders because of it (G15); what is not certainly a lock file stays, and so do links and folders; in
 * a directory this library has never locked in, empty files stay too. Does not promise that to Python's oslo, which may
 * go on waiting for a file that was removed; use `olderThan` there. A `blocking: false` that meets the removal of its
 * name, some 50 us, fails; with the lockfile driver so does one that meets the removal of what it was to be told, see
 * `abandoned`.
 *
 * @throws LockPathRequiredError, LockPathError, LockDriverMismatchError, NetworkFileSystemError.
 * @example
 * await cleanLocks({ olderThan: 7 * 24 * 3600 * 1000 });
 */
export function cleanLocks(options: CleanLocksOptions = {}): Promise<CleanLocksResult> {
  return doCleanLocks(options);
}

/** Options of {@link listLocks}. */
export interface ListLocksOptions {
  /** The directory to list; the configured lock path by default. */
  readonly lockPath?: string;
}

/**
 * Lists the locks of a lock path, sorted by name. Reads only: no lock is tried, so nobody's attempt fails because of it.
 *
 * Who holds is the kernel's word (`/proc/locks`), whatever the record in the lock file claims; of the lockfile driver's,
 * all that are not certainly dead. A free lock of that driver is listed only while somebody waits for it, or died. Where
 * the table cannot be had the state is `unknown`; so it is inside a container for files that only Python used. The answer
 * is about moments ago, and about this machine.
 *
 * @throws LockPathRequiredError, LockPathError, or the system's error when the directory cannot be read.
 * @example
 * for (const { name, state, holders } of await listLocks()) console.log(name, state, holders[0]?.pid);
 */
export function listLocks(options: ListLocksOptions = {}): Promise<LockStatus[]> {
  return doListLocks(options);
}
