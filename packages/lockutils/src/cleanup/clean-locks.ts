import { checkOptionNames, InvalidOptionError, realTime } from '@oslo-concurrency/core';
import { CleaningReport, type CleanLocksResult } from '../drivers/care.js';
import { careOf } from '../drivers/select.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';

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

const optionNames: ReadonlySet<string> = new Set<keyof CleanLocksOptions>([
  'lockPath',
  'olderThan',
  'abandoned',
  'dryRun',
]);

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
