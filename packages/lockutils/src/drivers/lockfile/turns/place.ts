import { realTime } from '@oslo-concurrency/core';
import { runSync, type Steps } from '../../../steps.js';
import type { LockRequest, Place } from '../../driver.js';
import { explaining } from '../grant.js';
import { lockPathsOf } from '../lock-paths.js';
import { TicketFolder } from '../queue.js';
import { localCalls, namesIn } from '../system.js';
import type { OwnFolder } from './own-folder.js';
import type { Turn } from './turn.js';
import { isSilent, listen, passSilent } from './waiters.js';
import { leaving } from './watching-place.js';

// Milliseconds between two looks at a waiter that may not react.
const answerTime = 45;

/** A place in the queue of a lock whose holders take turns. Its ticket becomes the lock at the grant. */
export class TurnPlace implements Place {
  readonly ordered: boolean;
  /** What the owner of the place moves in with. */
  readonly folder: OwnFolder;
  readonly #turn: Turn;
  readonly #ticket: TicketFolder;
  #waits = true;
  #seen = '';
  #looks = 0;
  #nextLook = 0;

  /** Joins the queue. */
  constructor(turn: Turn, { label }: LockRequest, ordered: boolean) {
    const { fs, lockFile } = turn;
    this.ordered = ordered;
    this.#turn = turn;
    turn.enter();
    let folder: OwnFolder | undefined;
    try {
      folder = turn.folder(label);
      this.#ticket = new TicketFolder(fs, lockFile, folder.own);
      // A hint that was meant for the first waiter may have gone to us, and the first waiter may have found us before it.
      if (runSync(explaining(lockFile, 'queue', this.#ticket.join(label, true)))) turn.wake();
    } catch (error) {
      turn.exit(folder);
      throw error;
    }
    this.folder = folder;
  }

  isFirst(): boolean {
    return runSync(explaining(this.#turn.lockFile, 'queue', this.#isFirst()));
  }

  onTurn(wake: () => void): () => void {
    return listen(this.#turn, wake);
  }

  // The ticket is the wish, and it has stood there since before the last try.
  ask(): boolean {
    return false;
  }

  /** Acquires the lock exclusively, and gives up the ticket with it. The next waiter sleeps on until the release. */
  moveIn(): boolean {
    if (this.folder.moveIn(this.#ticket.folder())) this.#waits = false;
    return !this.#waits;
  }

  leave(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.folder.closeFile();
    runSync(leaving(localCalls, this.#ticket));
    this.#turn.wake();
    this.#turn.exit();
  }

  *#isFirst(): Steps<boolean> {
    if (this.ordered) return yield* this.#ticket.isFirst();
    return (yield* this.#ticket.isFirst(isSilent)) || (yield* this.#passes());
  }

  // Whether the first waiter does not react, because its event loop is blocked: at several looks, each some time after the
  // one before, the lock was free and the first waiter was the same. A waiter that reacts takes a free lock within a
  // millisecond or so, and then another one is first. This waiter was promised no order.
  *#passes(): Steps<boolean> {
    const now = realTime.now();
    if (now < this.#nextLook) return false;
    this.#nextLook = now + answerTime;
    const { first } = this.#ticket;
    const isFree = (yield* namesIn(this.#turn.fs, lockPathsOf(this.#turn.lockFile).held)).length === 0;
    this.#looks = isFree && first === this.#seen ? this.#looks + 1 : 0;
    this.#seen = first;
    if (this.#looks < 2) return false;
    passSilent(first);
    return yield* this.#ticket.isFirst(isSilent);
  }
}
