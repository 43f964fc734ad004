import { hiddenPath, openHidden } from './lock-paths.js';
import type { OpenFile } from './open-file.js';
import { seatKinds } from './seats.js';
import type { KernelSystem } from './system.js';
import { guardByte } from './ticket-counter.js';

/**
 * Removes a lock file, its seats and its queue, while the caller holds the lock file alone; true when it is gone.
 *
 * Order and crash points: the queue first, under its guard and with all its tickets locked by us, so nobody waits in
 * it or can draw from it again; then the files of the seats, which only holders of the lock file use; the lock file
 * last. Whoever draws, waits or is granted meanwhile does so on new files, and cannot be granted before we close the old
 * lock file or while the name still leads to it. Ended between the steps, what is left is an ordinary, complete lock.
 *
 * When somebody waits, everything stays: it would be made again at once.
 */
export function removeLockFiles(system: KernelSystem, path: string, file: OpenFile): boolean {
  // A stranger put another file there. That one we do not hold, and whoever does may sit in the seats.
  if (!file.isNamed()) return false;
  const queue = hiddenPath(path, 'queue');
  if (system.lstatSync(queue) !== undefined && !removeQueue(system, queue)) return false;
  for (const kind of seatKinds) removeQuietly(system, hiddenPath(path, kind));
  system.unlinkSync(path);
  return true;
}

function removeQueue(system: KernelSystem, path: string): boolean {
  const queue = openHidden(system, path);
  try {
    // Tickets, guard and upgrade byte at once: nobody is in the line, nobody is joining it.
    if (!queue.tryLock(0, 2 * guardByte, false)) return false;
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
