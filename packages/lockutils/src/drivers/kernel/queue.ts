import { realTime } from '@oslo-concurrency/core';
import type { LockRequest, Place } from '../driver.js';
import { fileError } from '../file-errors.js';
import type { WatchPool } from '../watch-pool.js';
import type { OpenFile } from './files/open-file.js';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { KernelSystem } from './system.js';
import {
  eraseTicketOwner,
  firstFree,
  guardByte,
  nextTicket,
  noteWaiting,
  oldestKnown,
  onlyStoppedBefore,
  readCounter,
  stoppedPatience,
  wakeFileOf,
  writeCounter,
  writeTicketOwner,
} from './tickets.js';
import { giveHint, listen, ownWakeFile, wakeFolderOf } from './wake-files.js';

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
// - After the draw, while waiting or holding: byte n is freed, and the waiters behind see that at their next poll. No
//   byte is left over, because it belongs to the description and the description to the process.
// - Stopped while holding the guard (some 6 us): no other process can draw until it continues. A caller that needs no
//   order goes on without a ticket after some tries (see `obtain`).
// - Stopped (SIGSTOP) while waiting: the waiters behind pass it after `stoppedPatience` ms, because it cannot acquire
//   the lock when its turn comes. When it continues, it competes with the waiters that passed it; the lock file
//   decides.
//
// A queue file is only unlinked by a process that holds the guard and finds no ticket locked, and a process that draws
// checks `nlink` under the guard. So all tickets that are held at one time are locks on one inode.

/** Locked by the one reader that waits to become a writer. Newcomers that would share with it wait in the meantime. */
export const upgradeByte = guardByte + 1;

/** Locked by one of several holders that are admitted together, while it learns of a dead writer. */
export const newsByte = guardByte + 2;

const spins = 64;

/**
 * Draws a ticket; `undefined` if the guard is not available at the moment.
 *
 * @throws LockFileSystemError, LockFileAccessError ... if the queue file cannot be written; no place is taken then.
 */
export function drawTicket(system: KernelSystem, watchers: WatchPool, request: LockRequest): Place | undefined {
  const path = hiddenPath(request.path, 'queue');
  for (;;) {
    const queue = openHidden(system, path);
    try {
      const guarded = spinFor(queue);
      const removed = guarded && queue.stat().nlink === 0;
      if (!guarded || removed) queue.close();
      if (!guarded) return undefined;
      if (removed) continue;
      const ticket = drawUnderGuard(queue);
      queue.unlock(guardByte, 1);
      return placeOf(system, watchers, request, queue, ticket);
    } catch (error) {
      queue.close();
      throw fileError(path, 'write', error);
    }
  }
}

function spinFor(queue: OpenFile): boolean {
  for (let spin = 0; spin < spins; spin += 1) if (queue.tryLock(guardByte, 1, false)) return true;
  return false;
}

function drawUnderGuard(queue: OpenFile): number {
  let ticket = nextTicket(queue);
  // The byte is locked only if somebody damaged the file. Behind all tickets in the queue, a byte is free.
  while (!queue.tryLock(ticket, 1, false)) ticket = Math.max(ticket + 1, firstFree(queue));
  writeTicketOwner(queue, ticket, ownWakeFile);
  writeCounter(queue, ticket + 1);
  return ticket;
}

function placeOf(
  system: KernelSystem,
  watchers: WatchPool,
  request: LockRequest,
  queue: OpenFile,
  ticket: number,
): Place {
  const wakeFolder = wakeFolderOf(request.path);
  let first = ticket === 0;
  let noted = false;
  let nextLook = realTime.now() + stoppedPatience;
  const isFirst = (): boolean => {
    if (queue.closed) return false;
    // The bytes stay locked until we leave. They block no waiter, because other waiters ask for them shared. A cleaner
    // does not see the queue as empty while our ticket is in it.
    if (!first && queue.tryLock(0, ticket, true)) first = true;
    if (!first && realTime.now() > nextLook) {
      first = onlyStoppedBefore(queue, ticket);
      nextLook = realTime.now() + stoppedPatience;
    }
    if (!first || (!request.shared && request.permits === undefined)) return first;
    if (!queue.tryLock(upgradeByte, 1, true)) return false;
    queue.unlock(upgradeByte, 1);
    return true;
  };
  return {
    ticket,
    isFirst() {
      try {
        return isFirst();
      } catch (error) {
        throw fileError(queue.path, 'lock', error);
      }
    },
    onTurn: (wake) => listen(system, watchers, request.path, wake),
    noteWait(waits) {
      // A waiter that was granted the lock at once has written nothing, and writes nothing now.
      if (waits === noted) return;
      noted = waits;
      try {
        noteWaiting(queue, ticket, waits);
      } catch {
        // Listings only count it wrongly.
      }
    },
    leave() {
      try {
        if (!first) eraseTicketOwner(queue, ticket);
        // First free the ticket, then look for the next one: a process that draws after this look finds us gone at its
        // first try.
        queue.unlock(0, ticket + 1);
        hintNext(system, wakeFolder, queue, ticket);
      } catch {
        // We have already left. Otherwise closing frees the ticket anyway; without a hint, the next waiter sees that at
        // its next poll.
      } finally {
        queue.close();
      }
    },
  };
}

// Waiters that abandoned their wait have erased their entry. A hint to a waiter that was killed is lost: its successor
// sees the gap at its next poll.
function hintNext(system: KernelSystem, wakeFolder: string, queue: OpenFile, ticket: number): void {
  // Usually the next waiter is right behind us. It is found without determining the length of the queue, which would
  // delay it.
  const file = wakeFileOf(queue, ticket + 1) ?? firstWakeFileFrom(queue, ticket + 2);
  if (file !== undefined) giveHint(system, wakeFolder, file);
}

function firstWakeFileFrom(queue: OpenFile, ticket: number): number | undefined {
  const end = readCounter(queue);
  // Not further than the ring has entries: with a damaged counter this loop would run forever.
  for (let next = Math.max(ticket, oldestKnown(end)); next < end; next += 1) {
    const file = wakeFileOf(queue, next);
    if (file !== undefined) return file;
  }
  return undefined;
}
