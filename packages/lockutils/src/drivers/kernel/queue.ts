import { realTime } from '@oslo-concurrency/core';
import type { LockRequest, Place } from '../driver.js';
import { explained } from './lock-file.js';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { OpenFile } from './open-file.js';
import type { SharedWatchers } from './shared-watchers.js';
import type { KernelSystem } from './system.js';
import { firstFree, guardByte, nextTicket, readCounter, writeCounter } from './ticket-counter.js';
import {
  eraseTicketOwner,
  oldestKnown,
  onlyStoppedBefore,
  stoppedPatience,
  wakeFileOf,
  writeTicketOwner,
} from './ticket-owner.js';
import { giveHint, listen, wakeFolderOf } from './wake-files.js';

// FIFO across processes. The queue file of a lock holds a counter (8 bytes). Byte locks on it, far beyond its end and
// meaning nothing to its content, are the line:
//
// - the byte `guardByte` is held while a ticket is drawn: read n, write n+1, lock byte n, all in one synchronous run;
// - byte n is ticket n, locked by its owner's own description until it leaves;
// - a ticket is first when a shared try on [0, n) succeeds, for then no earlier ticket is held by anybody. Who finds it
//   so keeps these bytes: no number before its own can be drawn any more, also when somebody sets the counter back.
//
// The line is about order only; exclusion rests on the lock file. A crash at each step:
// - holding the guard: the kernel frees it. n+1 written or not, the next drawer gets a number nobody holds;
// - after the draw, waiting or holding: byte n is freed, those behind see it at their guard poll. No byte is left over,
//   as it lives in the description and the description in the process.
// - stopped while holding the guard (some 6 us): others cannot draw until it goes on; whoever needs no order does
//   without a ticket after some tries (see `obtain`).
// - stopped (SIGSTOP) while waiting: those behind pass it after `stoppedPatience` ms, since it cannot take the
//   lock it is offered. When it goes on it competes with whoever passed it; the lock file decides.
// A queue file is only ever unlinked by somebody who holds the guard and finds no ticket locked, and a drawer looks at
// `nlink` under the guard: so all tickets held at one time are locks on one inode.

/** Held by the one reader who waits to become writer; newcomers who would share with it wait meanwhile. */
export const upgradeByte = guardByte + 1;

/** Held by the one of several who come in together while it learns of a dead writer. */
export const newsByte = guardByte + 2;

const spins = 64;

/**
 * Draws a ticket; `undefined` when the guard is not to be had just now.
 *
 * @throws LockFileSystemError, LockFileAccessError ... when the queue file cannot be written; no place is taken then.
 */
export function drawTicket(system: KernelSystem, watchers: SharedWatchers, request: LockRequest): Place | undefined {
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
      throw explained(system, path, 'write', error);
    }
  }
}

function spinFor(queue: OpenFile): boolean {
  for (let spin = 0; spin < spins; spin += 1) if (queue.tryLock(guardByte, 1, false)) return true;
  return false;
}

function drawUnderGuard(queue: OpenFile): number {
  let ticket = nextTicket(queue);
  // Only after somebody damaged the file is the byte taken; behind all who stand in line one is free.
  while (!queue.tryLock(ticket, 1, false)) ticket = Math.max(ticket + 1, firstFree(queue));
  writeTicketOwner(queue, ticket);
  writeCounter(queue, ticket + 1);
  return ticket;
}

function placeOf(
  system: KernelSystem,
  watchers: SharedWatchers,
  request: LockRequest,
  queue: OpenFile,
  ticket: number,
): Place {
  const wakeFolder = wakeFolderOf(request.path);
  let first = ticket === 0;
  let nextLook = realTime.now() + stoppedPatience;
  const isFirst = (): boolean => {
    if (queue.closed) return false;
    // Kept until we leave, in nobody's way: others ask for these bytes shared, and to a cleaner the line is not empty while
    // our ticket is in it.
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
        throw explained(system, queue.path, 'lock', error);
      }
    },
    onTurn: (wake) => listen(system, watchers, request.path, wake),
    leave() {
      try {
        if (!first) eraseTicketOwner(queue, ticket);
        // First free, then look who has come: who draws after this look finds us gone at the first try.
        queue.unlock(0, ticket + 1);
        hintNext(system, wakeFolder, queue, ticket);
      } catch {
        // Left already. Or closing frees the ticket all the same; without a hint the guard poll of the next one sees it.
      } finally {
        queue.close();
      }
    },
  };
}

// Waiters that abandoned their wait have erased their entry, and a hint to one that was killed is lost: its follower
// sees the gap at its guard poll.
function hintNext(system: KernelSystem, wakeFolder: string, queue: OpenFile, ticket: number): void {
  // Mostly somebody stands right behind: found without asking how long the line is, which they would wait for.
  const file = wakeFileOf(queue, ticket + 1) ?? firstWakeFileFrom(queue, ticket + 2);
  if (file !== undefined) giveHint(system, wakeFolder, file);
}

function firstWakeFileFrom(queue: OpenFile, ticket: number): number | undefined {
  const end = readCounter(queue);
  // Not further back than entries go: a counter that somebody damaged would keep us here for ever.
  for (let next = Math.max(ticket, oldestKnown(end)); next < end; next += 1) {
    const file = wakeFileOf(queue, next);
    if (file !== undefined) return file;
  }
  return undefined;
}
