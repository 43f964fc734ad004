import { basename, join } from 'node:path';
import type { LockStatus } from '../../lock-status.js';
import { readLockTable } from '../lock-table.js';
import { defaultKernelSystem } from '../system.js';
import { isLockFile, readEntry } from './lock-entry.js';
import { kernelLockStatus } from './lock-status.js';

/** Lists the locks of the kernel driver, and Python's, among the names found in a lock path. */
export function listLockFiles(directory: string, names: readonly string[]): LockStatus[] {
  const system = defaultKernelSystem;
  const table = readLockTable(system, directory);
  const found: LockStatus[] = [];
  for (const name of names) {
    const entry = readEntry(system, join(directory, name));
    if (entry === undefined || !entry.stats.isFile()) continue;
    const status = kernelLockStatus(system, table, entry);
    // A file that a user created for another purpose still counts as a lock while it is locked.
    if (isLockFile(entry) || status.state === 'held' || status.state === 'shared') {
      found.push({ name: basename(entry.path), lockFile: entry.path, ...status });
    }
  }
  return found;
}
