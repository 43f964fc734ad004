import { basename, join } from 'node:path';
import { accessDenied } from '../../../lock-path/access-denied.js';
import { hiddenFolder } from '../../../lock-path/hidden-folder.js';
import type { LockStatus } from '../../lock-status.js';
import { kindsOfLock } from '../lock-paths.js';
import { defaultKernelSystem } from '../system.js';
import { readLockTable } from '../table/lock-table.js';
import { isLockFile, type LockEntry, mayBeLockFile, readEntry } from './lock-entry.js';
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
    const locked = status.state === 'held' || status.state === 'shared';
    if (isLockFile(entry) || mayBeLockFile(entry) || locked) {
      found.push({ name: basename(entry.path), lockFile: entry.path, ...status, ...noteOn(entry, directory, locked) });
    }
  }
  return found;
}

// An unlocked file need not be a lock, and its last holder need not have released it: only its content would show that.
function noteOn({ path, refused }: LockEntry, directory: string, locked: boolean): Partial<LockStatus> {
  if (refused === undefined) return {};
  const { message: note } = accessDenied(directory, path, refused);
  return locked ? { note } : { note, state: 'unknown' };
}

/** The lock path itself, for the records in the lock files, and the folders of the queues and seats. */
export function changingFiles(directory: string): readonly string[] {
  return [directory, ...kindsOfLock.map((kind) => join(directory, hiddenFolder, kind))];
}
