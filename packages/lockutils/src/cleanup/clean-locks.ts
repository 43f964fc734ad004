import { checkOptionNames, InvalidOptionError, realTime } from '@oslo-concurrency/core';
import { cleanLockFiles } from './clean-lock-files.js';
import { cleanLockFolders } from './clean-lock-folders.js';
import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
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
  if (driverOf(directory) === 'lockfile') return cleanLockFolders(directory, rule);
  return cleanLockFiles(directory, names, rule);
}
