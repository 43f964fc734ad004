import { basename, join } from 'node:path';
import { defaultKernelSystem } from '../drivers/kernel/kernel-system.js';
import { readLockTable } from '../drivers/kernel/lock-table.js';
import { kernelLockStatus } from './kernel-lock-status.js';
import { listLockFolders } from './list-lock-folders.js';
import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
import { isLockFile, readEntry } from './lock-entry.js';
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
 * be had the state is `unknown`. The answer is about moments ago, and about this machine.
 *
 * @throws LockPathRequiredError, LockPathError, or the system's error when the directory cannot be read.
 * @example
 * for (const { name, state, holders } of await listLocks()) console.log(name, state, holders[0]?.pid);
 */
export async function listLocks(options: ListLocksOptions = {}): Promise<LockStatus[]> {
  const directory = directoryOf(options);
  const entries = readLockPath(directory);
  const found =
    driverOf(directory) === 'lockfile' ? await listLockFolders(directory) : listLockFiles(directory, entries);
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function listLockFiles(directory: string, names: readonly string[]): LockStatus[] {
  const system = defaultKernelSystem;
  const table = readLockTable(system, directory);
  const found: LockStatus[] = [];
  for (const name of names) {
    const entry = readEntry(system, join(directory, name));
    if (entry === undefined || !entry.stats.isFile()) continue;
    const status = kernelLockStatus(system, table, entry);
    // A file of somebody's own making is a lock all the same while it is locked.
    if (isLockFile(entry) || status.state === 'held' || status.state === 'shared') {
      found.push({ name: basename(entry.path), lockFile: entry.path, ...status });
    }
  }
  return found;
}
