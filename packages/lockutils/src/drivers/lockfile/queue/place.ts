import { dirname, join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { nothing, type Steps } from '../../../steps.js';
import type { LockRequest, Place } from '../../driver.js';
import { explaining } from '../grant.js';
import { lockPathsOf } from '../lock-paths.js';
import { type Calls, folderWatches, namesIn, performed } from '../system.js';
import { TicketFolder } from './ticket.js';
import { notePassed, passedUpTo, wakeFirst } from './turns.js';

// A ticket that stays blocks all waiters behind it for as long as this process lives, so a failure is retried.
const retryEvery = 100;
const maxRetries = 600;

// Milliseconds between two looks at a waiter that may not react.
const answerTime = 45;

/**
 * Joins the queue of a lock. `ordered`: whether the caller was promised an order. `hinted`: whether holders give hints
 * here (see `turns.ts`).
 */
export function joinQueue(
  calls: Calls,
  request: LockRequest,
  how: { readonly ordered: boolean; readonly hinted: boolean },
): Place | Promise<Place> {
  const ticket = new TicketFolder(calls.fs, request.path, undefined, undefined, how.hinted ? !how.ordered : undefined);
  function* joining(): Steps<Place> {
    yield* ticket.join(request.label);
    const place = new FolderPlace(calls, request.path, ticket, how);
    return isHinted(how) ? Object.assign(place, { ask: () => false }) : place;
  }
  return performed(calls, explaining(request.path, 'queue', joining()));
}

// Whether the waiter listens for hints.
function isHinted({ ordered, hinted }: { readonly ordered: boolean; readonly hinted: boolean }): boolean {
  return hinted && !ordered;
}

/** The place of a ticket that was taken. Has no number: numbers begin again at 1 when the queue is empty. */
export class FolderPlace implements Place {
  readonly ordered: boolean;
  /** Whether holders give hints here. */
  readonly #hinted: boolean;
  readonly #isHinted: boolean;
  readonly #calls: Calls;
  readonly #lockFile: string;
  readonly #ticket: TicketFolder;
  #left = false;
  #wake: (() => void) | undefined;
  #watched: string | undefined;
  #stop = nothing;
  #firstSeen = 0;
  #looks = 0;
  #nextLook = realTime.now() + answerTime;

  constructor(
    calls: Calls,
    lockFile: string,
    ticket: TicketFolder,
    { ordered, hinted }: { readonly ordered: boolean; readonly hinted: boolean },
  ) {
    this.ordered = ordered;
    this.#hinted = hinted;
    this.#isHinted = isHinted({ ordered, hinted });
    this.#calls = calls;
    this.#lockFile = lockFile;
    this.#ticket = ticket;
  }

  isFirst(): boolean | Promise<boolean> {
    return performed(this.#calls, explaining(this.#lockFile, 'queue', this.#isFirst()));
  }

  onTurn(hint: () => void): () => void {
    this.#wake = hint;
    if (this.#isHinted) this.#watch(this.#ticket.folder);
    return () => {
      this.#wake = undefined;
      this.#watch(undefined);
    };
  }

  leave(): void | Promise<void> {
    if (this.#left) return undefined;
    this.#left = true;
    return performed(this.#calls, this.#leaving());
  }

  /** Leaves at the grant. The next waiter sleeps on: the release wakes it. */
  *depart(): Steps<void> {
    if (this.#left) return;
    this.#left = true;
    yield* this.#giveUp(maxRetries);
  }

  *#isFirst(): Steps<boolean> {
    const ticket = this.#ticket;
    if (this.#isHinted) {
      const after = passedUpTo(this.#lockFile);
      return (yield* ticket.isFirst({ after, passesStopped: true })) || (yield* this.#passes());
    }
    // Only the ticket before ours is watched, so a waiter that leaves wakes only the next one. After each change of that
    // ticket there is another look: the ticket may have gone before it was watched.
    while (!(yield* ticket.isFirst())) {
      if (this.#wake === undefined || ticket.before === this.#watched) return false;
      this.#watch(ticket.before);
    }
    return true;
  }

  // Whether the first waiter does not react, because its event loop is blocked: at several looks, each some time after
  // the one before, the lock was free and the first waiter was the same. A waiter that reacts is granted a free lock in a
  // millisecond or so. If it was granted and the lock was free again at the next look, another waiter was first by then.
  // So a waiter that reacts is hardly ever passed, and never twice in a row; this waiter was promised no order.
  *#passes(): Steps<boolean> {
    const now = realTime.now();
    if (now < this.#nextLook) return false;
    this.#nextLook = now + answerTime;
    const { first, before, folder } = this.#ticket;
    const isFree = (yield* namesIn(this.#calls.fs, lockPathsOf(this.#lockFile).held)).length === 0;
    this.#looks = isFree && first === this.#firstSeen ? this.#looks + 1 : 0;
    this.#firstSeen = first;
    // The waiters between go first, if they react.
    const isNext = before !== undefined && before === join(dirname(folder), String(first));
    if (this.#looks < (isNext ? 2 : 6)) return false;
    notePassed(this.#lockFile, first);
    return true;
  }

  #watch(folder: string | undefined): void {
    this.#stop();
    this.#watched = folder;
    this.#stop =
      folder === undefined || this.#wake === undefined ? nothing : folderWatches.subscribe(folder, this.#wake);
  }

  *#leaving(): Steps<void> {
    const next = yield* this.#giveUp(maxRetries);
    // One that does not listen watches the ticket that is gone now.
    if (this.#hinted && next > 0 && next % 2 === 0) yield* wakeFirst(this.#calls.fs, this.#lockFile);
  }

  *#giveUp(retries: number): Steps<number> {
    try {
      return yield* this.#ticket.leave();
    } catch {
      if (retries > 0) {
        realTime.setTimeout(() => void performed(this.#calls, this.#giveUp(retries - 1)), retryEvery).unref();
      }
      return 0;
    }
  }
}
