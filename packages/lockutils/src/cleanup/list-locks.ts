import { checkOptionNames } from '@oslo-concurrency/core';
import { listLockFiles } from '../drivers/kernel/care/list.js';
import { listLockFolders } from '../drivers/lockfile/care/list.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';
import type { ListLocksOptions } from './lock-path-care.js';
import type { LockStatus } from './lock-status.js';

const optionNames: ReadonlySet<string> = new Set<keyof ListLocksOptions>(['lockPath']);

/** What the public `listLocks` does. */
export async function listLocks(options: ListLocksOptions): Promise<LockStatus[]> {
  checkOptionNames(options, optionNames);
  const directory = directoryOf(options);
  const entries = readLockPath(directory);
  try {
    const found =
      driverOf(directory) === 'lockfile' ? await listLockFolders(directory) : listLockFiles(directory, entries);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw explainedAt(directory, error);
  }
}
