import { basename, dirname } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { nothing, type Steps } from '../../../steps.js';
import type { LockRequest, Place } from '../../driver.js';
import { explaining } from '../grant.js';
import { lockPathsOf, seatPathsOf } from '../lock-paths.js';
import { TicketFolder } from '../queue.js';
import { type Calls, folderWatches, performed } from '../system.js';

// A ticket that stays blocks all waiters behind it for as long as this process lives, so a failure is retried.
const retryEvery = 100;
const maxRetries = 600;

/** Joins the queue of a lock whose holders take no turns and give no hints: its waiters watch what is before them. */
export function joinQueue(calls: Calls, { path, label }: LockRequest): Place | Promise<Place> {
  const ticket = new TicketFolder(calls.fs, path);
  let hasLeft = false;
  let wake: (() => void) | undefined;
  let watched: string | undefined;
  let stop = nothing;
  // Only the ticket before ours is watched, so a waiter that leaves wakes only the next one. After each change of that
  // ticket there is another look: the ticket may have gone before it was watched.
  function* isFirst(): Steps<boolean> {
    while (!(yield* ticket.isFirst())) {
      if (wake === undefined || ticket.before === watched) return false;
      watched = ticket.before;
      stop();
      stop = watched === undefined ? nothing : folderWatches.subscribe(watched, wake);
    }
    return true;
  }
  function* joining(): Steps<Place> {
    yield* ticket.join(label);
    // Without `ticket`: the numbers begin again at 1 when the queue is empty, so they do not show which waiter came first.
    return {
      isFirst: () => performed(calls, explaining(path, 'queue', isFirst())),
      onTurn(hint) {
        wake = hint;
        return () => {
          wake = undefined;
          watched = undefined;
          stop();
        };
      },
      leave() {
        if (hasLeft) return undefined;
        hasLeft = true;
        return performed(calls, leaving(calls, ticket));
      },
    };
  }
  return performed(calls, explaining(path, 'queue', joining()));
}

/** Gives up a ticket. Ends when it is gone, or when it must be retried; no caller waits for the retries. */
export function* leaving(calls: Calls, ticket: TicketFolder, retries = maxRetries): Steps<void> {
  try {
    yield* ticket.leave();
  } catch {
    const retry = (): void => void performed(calls, leaving(calls, ticket, retries - 1));
    if (retries > 0) realTime.setTimeout(retry, retryEvery).unref();
  }
}

/**
 * Watches the folder of the lock first: each holder brings its own folder and removes it at its release, so only the
 * waiter for this lock is woken, and by no grant. When that folder is gone, or if there is none, the parent folder is
 * watched from then on. It reports the folders of all later holders, and those of other locks too; but a new watcher for
 * each holder would cost more while others acquire the lock again and again.
 */
export function watchLock({ path, permits }: LockRequest, wake: () => void): () => void {
  const own = basename(path);
  const { held } = lockPathsOf(path);
  const watchAll = (): (() => void) =>
    folderWatches.subscribe(dirname(held), (name) => {
      if (name === undefined || name === own) wake();
    });
  // On Windows, a folder that is watched cannot be removed or replaced, and a waiter that watched it kept the lock from everybody:
  // the folder of a lock is free when it is empty, but the next holder's folder cannot take its place.
  if (process.platform === 'win32') return watchAll();
  let stop = nothing;
  stop =
    folderWatches.subscribeIfThere(held, (name) => {
      if (name === own) {
        stop();
        stop = watchAll();
      }
      wake();
    }) ?? watchAll();
  // If one of several holders leaves, nothing changes in the folder of the lock.
  const stopSeats = permits === undefined ? nothing : folderWatches.subscribe(seatPathsOf(path).seats, wake);
  return () => {
    stop();
    stopSeats();
  };
}
