import type { CleaningRule, KeepReason, Refusal } from '../../care.js';
import { OpenFile } from '../files/open-file.js';
import type { Mark } from '../files/owner-mark.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import { abandonedBy } from '../news.js';
import type { KernelSystem } from '../system.js';
import { isWholeFile, type LockTable } from '../table/lock-table.js';
import { isLockFile, readEntry, readOpenEntry } from './lock-entry.js';
import { ticketsOf } from './lock-status.js';
import { endHold, removeLockFiles } from './removal.js';

/** The rule of {@link removeUnusedLock}. */
export interface RemovalRule extends CleaningRule {
  readonly table: LockTable | undefined;
  /** Whether an empty file counts as a lock file here. */
  readonly emptyToo: boolean;
}

/**
 * Removes the files of one lock unless it is held or waited for; never waits. `undefined`: it is already gone.
 *
 * Why it is safe on a live system: the file is opened, locked exclusively without waiting, and checked again under that
 * lock. {@link removeLockFiles} explains the rest. A process that opened the file before it was unlinked, and locks it
 * afterwards, sees that the name no longer leads to it, and starts over. Python's oslo does not check that; see the
 * docs.
 */
export function removeUnusedLock(
  system: KernelSystem,
  path: string,
  rule: RemovalRule,
): 'removed' | KeepReason | Refusal | undefined {
  const entry = readEntry(system, path);
  if (entry === undefined) return undefined;
  if (entry.refused !== undefined) return { reason: 'unreadable', error: entry.refused };
  if (!isLockFile(entry) || (entry.stats.size === 0 && !rule.emptyToo)) return 'foreign';
  if (lastUse(system, path, entry.stats.mtimeMs) >= rule.before) return 'recent';
  if (rule.table !== undefined) {
    // Read before any try: a try locks the file for a moment, which makes another process's `blocking: false` fail.
    if (rule.table.held(entry.stats.ino).some(isWholeFile)) return 'held';
    if (ticketsOf(system, rule.table, path).length > 0) return 'waited-for';
    if (rule.dryRun) return isKeptForNext(system, path, entry.mark, rule) ? 'abandoned' : 'removed';
  }
  return removeHolding(system, path, rule);
}

function removeHolding(system: KernelSystem, path: string, rule: RemovalRule): 'removed' | KeepReason | undefined {
  let file: OpenFile;
  try {
    file = OpenFile.openToWrite(system, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if (!file.stat().isFile()) return 'foreign';
    if (!file.tryLock(0, 0, false)) return 'held';
    try {
      const entry = readOpenEntry(file);
      const { stats, mark } = entry;
      // Another process used it, or removed it, between the check and the lock.
      if (stats.nlink === 0) return undefined;
      if (lastUse(system, path, stats.mtimeMs) >= rule.before) return 'recent';
      if (!isLockFile(entry)) return 'foreign';
      if (isKeptForNext(system, path, mark, rule)) return 'abandoned';
      return rule.dryRun || removeLockFiles(system, path, file) ? 'removed' : 'waited-for';
    } finally {
      endHold(system, file);
    }
  } finally {
    file.close();
  }
}

function isKeptForNext(system: KernelSystem, path: string, mark: Mark | undefined, rule: RemovalRule): boolean {
  return !rule.abandonedToo && abandonedBy(system, path, mark) !== undefined;
}

// Readers and permit holders change the files of the seats, waiters change the queue.
function lastUse(system: KernelSystem, path: string, changed: number): number {
  const traces = kindsOfLock.map((kind) => system.lstatSync(hiddenPath(path, kind))?.mtimeMs ?? 0);
  return Math.max(changed, ...traces);
}
