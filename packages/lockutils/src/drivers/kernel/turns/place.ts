import { realTime } from '@oslo-concurrency/core';
import type { LockRequest, Place } from '../../driver.js';
import { fileError } from '../../file-errors.js';
import type { WatchPool } from '../../watch-pool.js';
import type { DriverFiles } from '../files/driver-files.js';
import type { OpenFile } from '../files/open-file.js';
import { eraseWish, hasPlaceForWish, readLockFile, type Wish, writeWish } from '../files/wish.js';
import {
  eraseTicketOwner,
  noteWaiting,
  oldestKnown,
  onlyStoppedBefore,
  readCounter,
  stoppedPatience,
  upgradeByte,
  wakeFileOf,
} from '../tickets.js';
import { giveHint, listen, ownWakeFile } from '../wake-files.js';
import { Answers } from './answers.js';

/** What a place in the queue works with. */
export interface QueueParts extends DriverFiles {
  readonly watchers: WatchPool;
}

// The waiters this close to the first one look often: one of them has to notice that those before it have ended.
const near = 2;

/** The place of a ticket that was drawn. Owns the open queue file, whose locks are the ticket. */
export class QueuePlace implements Place {
  readonly ticket: number;
  readonly #parts: QueueParts;
  readonly #request: LockRequest;
  readonly #queue: OpenFile;
  /** Only for a waiter that may pass others: see {@link Answers}. */
  readonly #answers: Answers | undefined;
  #first: boolean;
  #noted = false;
  /** How often it has written its wish; 0 if no wish of its own can be in the lock file. */
  #asked = 0;
  #nextLook = realTime.now() + stoppedPatience;

  constructor(
    parts: QueueParts,
    request: LockRequest,
    queue: OpenFile,
    { ticket, ordered }: { readonly ticket: number; readonly ordered: boolean },
  ) {
    this.ticket = ticket;
    this.#parts = parts;
    this.#request = request;
    this.#queue = queue;
    this.#first = ticket === 0;
    this.#answers = ordered ? undefined : new Answers(parts.locks, request.path, (file) => this.#wake(file));
  }

  isFirst(): boolean {
    try {
      return this.#isFirst();
    } catch (error) {
      throw fileError(this.#queue.path, 'lock', error);
    }
  }

  isFar(): boolean {
    return this.ticket > near && !this.#queue.closed && !this.#queue.isFree(0, this.ticket - near);
  }

  onTurn(wake: () => void): () => void {
    return listen(this.#parts.hidden.system, this.#parts.watchers, this.#request.path, wake);
  }

  noteWait(waits: boolean): void {
    // A waiter that was granted the lock at once has written nothing, and writes nothing now.
    if (waits === this.#noted) return;
    this.#noted = waits;
    try {
      if (!this.#queue.closed) noteWaiting(this.#queue, this.ticket, waits);
    } catch {
      // Listings only count it wrongly.
    }
  }

  ask(): boolean {
    this.#asked += 1;
    const own = { ticket: this.ticket, wakeFile: ownWakeFile(), stamp: this.#asked };
    let isNew = false;
    this.#visit((file) => {
      const { found, wish } = readLockFile(file);
      if (!hasPlaceForWish(found)) return;
      isNew = wish?.ticket !== this.ticket;
      writeWish(file, own);
    });
    return isNew;
  }

  /**
   * The owner of this place was granted the lock together with others, and `file` is its lock file, with a wish of the
   * ticket `wished`.
   */
  admitted(file: OpenFile, wished: number | undefined): void {
    if (wished !== undefined && !this.#hasPassed(wished)) eraseWish(file);
    this.#asked = 0;
  }

  /** The owner was granted the lock alone. It leaves, with a wish in the name of the next waiter in place of its own. */
  passOn(file: OpenFile, wished: number | undefined): void {
    const queue = this.#queue;
    this.#asked = 0;
    try {
      const isOld = wished === undefined || !this.#hasPassed(wished);
      const next = isOld ? this.#next() : undefined;
      // While the ticket is held, no other waiter is first, so none has written a wish that this would replace.
      if (next !== undefined) writeWish(file, { ...next, stamp: 0 });
      else if (isOld && wished !== undefined) eraseWish(file);
      queue.unlock(0, this.ticket + 1);
      // One that has drawn since that look may have found our ticket held. It writes its wish itself.
      const late = isOld && next === undefined ? this.#next() : undefined;
      if (late !== undefined) this.#wake(late.wakeFile);
      this.#parts.hidden.keep(queue);
    } catch {
      // Closing frees the ticket. The next waiter learns at its next poll that it is first.
      queue.close();
    }
  }

  leave(): void {
    const queue = this.#queue;
    if (queue.closed) return;
    try {
      let next = this.#next();
      if (this.#asked > 0) this.#withdraw(next);
      if (!this.#first) eraseTicketOwner(queue, this.ticket);
      queue.unlock(0, this.ticket + 1);
      // A process that draws after this look finds us gone at its first try.
      next ??= this.#next();
      if (next) this.#wake(next.wakeFile);
      this.#parts.hidden.keep(queue);
    } catch {
      // Closing frees the ticket; without a hint, the next waiter sees that at its next poll.
      queue.close();
    }
  }

  #isFirst(): boolean {
    const queue = this.#queue;
    if (queue.closed) return false;
    // The bytes stay locked until we leave. They block no waiter, because other waiters ask for them shared. A cleaner
    // does not see the queue as empty while our ticket is in it.
    if (!this.#first && queue.tryLock(0, this.ticket, true)) this.#first = true;
    if (!this.#first && realTime.now() > this.#nextLook) {
      this.#first = onlyStoppedBefore(queue, this.ticket);
      this.#nextLook = realTime.now() + stoppedPatience;
    }
    if (!this.#first && this.#answers?.areMissing(queue, this.ticket) === true) this.#first = true;
    if (!this.#first || (!this.#request.shared && this.#request.permits === undefined)) return this.#first;
    return queue.isFree(upgradeByte, 1);
  }

  // This waiter is first. So a wish with an earlier ticket is of a waiter that has gone or does not react, and one with a
  // later ticket is of a waiter that has passed this one, if that still waits: the queue file may be a new one.
  #hasPassed(wished: number): boolean {
    return wished > this.ticket && !this.#queue.isFree(wished, 1);
  }

  // The next waiter may not run for a while: without a wish in its name, holders would begin slice after slice.
  #withdraw(next: Omit<Wish, 'stamp'> | undefined): void {
    this.#visit((file) => {
      if (readLockFile(file).wish?.ticket !== this.ticket) return;
      if (next) writeWish(file, { ...next, stamp: 0 });
      else eraseWish(file);
    });
  }

  #visit(use: (file: OpenFile) => void): void {
    try {
      this.#parts.locks.visit(this.#request.path, use);
    } catch {
      // A wish only speeds a wait up, so a failure changes nothing: the waiter looks from time to time.
    }
  }

  // Waiters that abandoned their wait have erased their entry. A hint to a waiter that was killed is lost: its successor
  // sees the gap at its next poll.
  #next(): Omit<Wish, 'stamp'> | undefined {
    const end = readCounter(this.#queue);
    // Not further than the ring has entries: with a damaged counter this loop would run forever.
    for (let ticket = Math.max(this.ticket + 1, oldestKnown(end)); ticket < end; ticket += 1) {
      const wakeFile = wakeFileOf(this.#queue, ticket);
      if (wakeFile !== undefined) return { ticket, wakeFile };
    }
    return undefined;
  }

  #wake(wakeFile: number): void {
    giveHint(this.#parts.hidden.system, this.#request.path, wakeFile);
  }
}
