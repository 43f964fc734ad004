import { LockUnsupportedError } from '../../errors/lock-file-errors.js';
import type { LockRequest } from '../driver.js';
import { fileError } from '../file-errors.js';
import type { HiddenFiles } from './files/hidden-files.js';
import type { OpenFile } from './files/open-file.js';
import { firstFree, guardByte, nextTicket, upgradeByte, writeCounter, writeTicketOwner } from './tickets.js';
import { type QueueParts, QueuePlace } from './turns/place.js';
import { ownWakeFile } from './wake-files.js';

// FIFO across processes. The queue file of a lock contains a counter (8 bytes). Byte locks on the file, far beyond its
// end and without meaning for its content, form the queue:
//
// - The byte `guardByte` is locked while a ticket is drawn: read n, write n+1, lock byte n, all in one synchronous run.
// - Byte n is ticket n. Its owner's own description locks it until the owner leaves.
// - A ticket is first if a shared try on [0, n) succeeds, because then no earlier ticket is held. The owner keeps these
//   bytes locked: no lower number can be drawn any more, even if somebody sets the counter back.
//
// The queue only determines the order; exclusion relies on the lock file. A crash at each step:
// - While holding the guard: the kernel frees it. Whether or not n+1 was written, the next process draws a number that
//   is not held.
// - After the draw, while waiting: byte n is freed, and the waiters behind see that at their next poll. No
//   byte is left over, because it belongs to the description and the description to the process.
// - Stopped while holding the guard (some 6 us): no other process can draw until it continues. A caller that needs no
//   order goes on without a ticket after some tries (see `obtain`).
// - Stopped (SIGSTOP) while waiting: the waiters behind pass it after `stoppedPatience` ms, because it cannot acquire
//   the lock when its turn comes. When it continues, it competes with the waiters that passed it; the lock file
//   decides.
//
// A queue file is only unlinked by a process that holds the guard and finds no ticket locked, and a process that draws
// checks under the guard that the name still leads to its file. So all tickets that are held at one time are locks on one
// inode.

const spins = 64;
const maxRounds = 10_000;

/**
 * Draws a ticket; `undefined` if the guard is not available at the moment.
 *
 * @throws LockFileSystemError, LockFileAccessError ... if the queue file cannot be written; no place is taken then.
 */
export function drawTicket(parts: QueueParts, request: LockRequest, ordered: boolean): QueuePlace | undefined {
  return underGuard(parts.hidden, request, spins, (queue) => {
    const ticket = drawUnderGuard(queue);
    queue.unlock(guardByte, 1);
    return new QueuePlace(parts, request, queue, { ticket, ordered });
  });
}

/**
 * Makes `attempt` while the queue is empty: no ticket is held, no reader waits to become a writer, and no process can
 * draw. So a caller that is granted the lock by it passes no waiter, and needs no ticket: it would leave the ticket at its
 * grant anyway. That keeps the order of `fair` exact: a caller that draws later finds the lock held, and writes its wish,
 * which the release reads with or without a ticket of the holder. If the lock refuses the attempt, nothing has changed,
 * and a caller that draws before this one came before it. If a wrapped driver answers with a promise, the callers that draw in the meantime came
 * later. `undefined` if the queue is not empty, or its guard is not available.
 *
 * The lock on the guard is turned into a shared one on everything from the first ticket to the upgrade byte, in one
 * step or not at all. A shared lock on the guard keeps out everybody that draws, as an exclusive one does. A crash
 * frees it, as with a draw; a process that is stopped here keeps others from drawing, as if it were stopped in a draw.
 */
export function whileQueueIsEmpty<T>(files: HiddenFiles, request: LockRequest, attempt: () => T): T | undefined {
  return underGuard(files, request, 1, (queue) => {
    try {
      return queue.tryLock(0, upgradeByte + 1, true) ? attempt() : undefined;
    } finally {
      leaveGuard(files, queue);
    }
  });
}

function underGuard<T>(files: HiddenFiles, request: LockRequest, tries: number, call: (queue: OpenFile) => T) {
  for (let round = 0; round < maxRounds; round += 1) {
    const queue = files.open(request.path, 'queue');
    try {
      if (!isGuarded(queue, tries)) {
        files.keep(queue);
        return undefined;
      }
      if (files.isThere(queue)) return call(queue);
    } catch (error) {
      queue.close();
      throw fileError(queue.path, 'write', error);
    }
    // It was removed in the meantime.
    queue.close();
  }
  throw new LockUnsupportedError(request.path, 'The file system reports another identity for this file at each look');
}

// What was granted must not be lost, so this does not throw. Closing frees the guard too.
function leaveGuard(files: HiddenFiles, queue: OpenFile): void {
  try {
    queue.unlock(0, upgradeByte + 1);
    files.keep(queue);
  } catch {
    queue.close();
  }
}

function isGuarded(queue: OpenFile, tries: number): boolean {
  for (let spin = 0; spin < tries; spin += 1) if (queue.tryLock(guardByte, 1, false)) return true;
  return false;
}

function drawUnderGuard(queue: OpenFile): number {
  let ticket = nextTicket(queue);
  // The byte is locked only if somebody damaged the file. Behind all tickets in the queue, a byte is free.
  while (!queue.tryLock(ticket, 1, false)) ticket = Math.max(ticket + 1, firstFree(queue));
  writeTicketOwner(queue, ticket, ownWakeFile());
  writeCounter(queue, ticket + 1);
  return ticket;
}
