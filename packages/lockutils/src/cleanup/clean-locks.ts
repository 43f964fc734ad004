import { checkOptionNames, InvalidOptionError, realTime } from '@oslo-concurrency/core';
import { CleaningReport, type CleanLocksResult } from '../drivers/care.js';
import { careOf } from '../drivers/select.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';

/** Options of {@link cleanLocks}. */
export interface CleanLocksOptions {
  /**
   * The directory to clean.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string;
  /**
   * Only locks that no caller has acquired (or, with the lockfile driver, waited for) for this long, in milliseconds.
   * @defaultValue `0`, which means all
   */
  readonly olderThan?: number;
  /**
   * `true` also removes locks whose last holder died, so that the next holder gets no `previousOwnerDied` (G19).
   * @defaultValue `false`
   */
  readonly abandoned?: boolean;
  /**
   * `true` removes nothing and reports what would be removed.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean;
}

const optionNames: ReadonlySet<string> = new Set<keyof CleanLocksOptions>([
  'lockPath',
  'olderThan',
  'abandoned',
  'dryRun',
]);

/**
 * Removes the files of locks without holders and waiters, while other processes go on locking. Never waits for a lock.
 *
 * With the lockfile driver, a lock has files only while it is held or waited for. For these locks it removes the files
 * of processes of this machine that have died: their places in the queue, their reader files, and files that they had
 * not finished.
 *
 * Promises: it never leads to two holders (G15). Any file that is not certainly a lock file stays, and so do links and
 * folders. In a directory that this library has never locked in, empty files stay too. Does not promise this to
 * Python's oslo, which may go on waiting for a file that was removed; use `olderThan` there. A `blocking: false` call
 * fails if it meets the removal of its lock, which takes some 50 us. With the lockfile driver it also fails if it meets
 * the removal of the death report it would have received; see `abandoned`.
 *
 * @throws LockPathRequiredError, LockPathError, LockDriverMismatchError, NetworkFileSystemError.
 * @example
 * await cleanLocks({ olderThan: 7 * 24 * 3600 * 1000 });
 */
export async function cleanLocks(options: CleanLocksOptions = {}): Promise<CleanLocksResult> {
  checkOptionNames(options, optionNames);
  const { olderThan = 0, abandoned = false, dryRun = false } = options;
  if (typeof olderThan !== 'number' || !(olderThan >= 0)) {
    throw new InvalidOptionError('olderThan', 'a number of milliseconds, 0 or more', olderThan);
  }
  for (const [name, value] of Object.entries({ abandoned, dryRun })) {
    if (typeof value !== 'boolean') throw new InvalidOptionError(name, 'a boolean', value);
  }
  const directory = directoryOf(options);
  const names = readLockPath(directory).sort();
  const before = olderThan === 0 ? Number.POSITIVE_INFINITY : realTime.date() - olderThan;
  const rule = { before, dryRun, abandonedToo: abandoned };
  const report = new CleaningReport((error) => explainedAt(directory, error));
  try {
    await careOf(driverOf(directory)).clean(directory, names, rule, report);
    return report.result;
  } catch (error) {
    throw explainedAt(directory, error);
  }
}
