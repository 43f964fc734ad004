import { checkOptionNames, InvalidOptionError, realTime } from '@oslo-concurrency/core';
import { cleanLockFiles } from '../drivers/kernel/care/clean.js';
import { cleanLockFolders } from '../drivers/lockfile/care/clean.js';
import { CleaningReport } from './cleaning-report.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';
import type { CleanLocksOptions, CleanLocksResult } from './lock-path-care.js';

const optionNames: ReadonlySet<string> = new Set<keyof CleanLocksOptions>([
  'lockPath',
  'olderThan',
  'abandoned',
  'dryRun',
]);

/** What the public `cleanLocks` does. */
export async function cleanLocks(options: CleanLocksOptions): Promise<CleanLocksResult> {
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
    if (driverOf(directory) === 'lockfile') await cleanLockFolders(directory, rule, report);
    else await cleanLockFiles(directory, names, rule, report);
    return report.result;
  } catch (error) {
    throw explainedAt(directory, error);
  }
}
