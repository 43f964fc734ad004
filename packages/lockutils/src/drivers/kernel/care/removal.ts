import { getLogger } from '@oslo-concurrency/core';
import { openHidden } from '../files/hidden-files.js';
import { wakeFirst } from '../files/lock-files.js';
import type { OpenFile } from '../files/open-file.js';
import { readState } from '../files/owner-mark.js';
import { hiddenPath } from '../lock-paths.js';
import { abandonedBy } from '../news.js';
import { seatKinds } from '../seats.js';
import type { KernelSystem } from '../system.js';
import { guardByte } from '../tickets.js';

/**
 * Removes a lock file, its seats and its queue, while the caller holds the lock file exclusively. Returns true if it is
 * gone.
 *
 * Order and crash points: the queue first, under its guard and with all its tickets locked by us, so that no process
 * waits in it or can draw from it again; then the files of the seats, which only holders of the lock file use; the lock
 * file last. A process that draws, waits or is granted the lock in the meantime uses new files. It cannot be granted
 * the lock before we close the old lock file, or while the name still leads to the old file. If we end between the
 * steps, the rest is an ordinary, complete lock.
 *
 * If a process waits, everything stays: the files would be created again at once.
 */
export function removeLockFiles(system: KernelSystem, path: string, file: OpenFile): boolean {
  // Somebody put another file there. We do not hold that one, and its holders may use the seats.
  if (!file.isNamed()) return false;
  const queue = hiddenPath(path, 'queue');
  if (system.lstatSync(queue) !== undefined && !removeQueue(system, queue)) return false;
  for (const kind of seatKinds) removeQuietly(system, hiddenPath(path, kind));
  system.unlinkSync(path);
  return true;
}

/**
 * The same at the release of an exclusive holder. The lock is released even if its files cannot be removed, so a failure
 * is only logged.
 */
export function tryToRemoveLockFiles(system: KernelSystem, path: string, file: OpenFile): void {
  try {
    if (readState(file, 0) === 'foreign') {
      getLogger().warn(`Not removed: ${path} contains data that is not of a lock`);
      return;
    }
    // A dead permit holder is reported to the next holder of its permit.
    if (abandonedBy(system, path, undefined) === undefined) removeLockFiles(system, path, file);
  } catch (error) {
    getLogger().warn(`Failed to remove file ${path}: ${(error as Error).message}`);
  }
}

/** Unlocks a lock file that was held to be removed. A waiter that was refused meanwhile sleeps until a holder wakes it. */
export function endHold(system: KernelSystem, file: OpenFile): void {
  file.unlock(0, 0);
  wakeFirst(system, file);
}

function removeQueue(system: KernelSystem, path: string): boolean {
  const queue = openHidden(system, path);
  try {
    // Tickets, guard and upgrade byte: no process is in the queue or joining it. The guard first, and by itself, since
    // where the system locks no ranges, a range is only looked at.
    if (!queue.tryLock(guardByte, 1, false) || !queue.tryLock(0, 2 * guardByte, false)) return false;
    if (queue.stat().nlink === 0) return false;
    system.unlinkSync(path);
    return true;
  } finally {
    queue.close();
  }
}

function removeQuietly(system: KernelSystem, path: string): void {
  try {
    system.unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
