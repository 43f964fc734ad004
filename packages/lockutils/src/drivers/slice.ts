import { realTime } from '@oslo-concurrency/core';
import { atEndOfTurn } from './end-of-turn.js';

// Eventual fairness: a thread may pass the queue as long as its slice lasts; then the first waiter goes before it.
//
// This is how the kernel driver does it; `lockfile/turns/turn.ts` says what is different there.
//
// The first waiter W writes its wish into the lock file, tries the lock, and sleeps. A holder H finds the wish at its
// grant and after its release. The wish only decides when W is woken, and which calls do not try; the lock of the file
// alone decides which call holds. So no step below can admit two holders, and a lost step costs one poll of W at most.
//
// - W writes its wish before its try, and H reads it after its unlock. So a wake is not lost: either W's try comes after
//   the unlock, or H finds the wish. When W is woken it tries before that once more: a try that is refused changes nothing.
// - The file has no record: H has locked a new file and is stopped before it writes its record, or H is a reader or permit
//   holder and writes none. W does not wait for a record: it writes its wish behind the place of one. A record that H writes
//   later leaves the wish as it is, and H reads it after its unlock as above. If the disk has no room for the wish, W polls.
// - H, within its slice, releases and acquires again before W is woken. The slice ends by time, so this ends.
// - H's slice is over when it releases: it wakes W, and its next call goes to the queue, behind W. If H dies between the
//   unlock and the wake, W sees the free lock at its next poll, as after the death of a holder.
// - H's slice is over when it acquires the lock as a newcomer, or H has none: it releases at once, before it has written
//   anything, wakes W, because this try may have refused W's, and queues. If H dies before the wake: as before.
// - W is granted the lock. It writes a wish in the name of the next waiter N over its own, and leaves the queue then: until it
//   leaves, no other waiter is first and writes one. It holds the lock alone, so N cannot be granted it meanwhile. N sleeps
//   on. One that draws between the look for N and the leave may find W's ticket held, so W wakes it, and it writes its wish
//   itself. If W dies before the wish is written, N learns at its next poll that it is first, and writes its wish itself.
// - W dies, or gives up after its wish was read: a wake goes to nobody. H queues, finds itself first, is granted the
//   lock, and replaces the wish. A waiter that gives up replaces its wish by one in the name
//   of the next waiter, which may take a while until it runs, or erases it.
// - W is stopped, or its event loop is blocked: the lock is free and nobody holds it. The waiters behind W see that its
//   wish stays the same after a hint, and pass it (see `Answers`); the first that does replaces the wish. When W goes
//   on, it competes with them, and writes its wish again.
// - A process that knows no wishes (Python, an older version) acquires whenever it finds the lock free, and wakes nobody:
//   W polls. An older version may also hold its ticket while it holds the lock: then W is not first until the release.
// - A call that must not wait passes the queue whatever the slice: it is refused only while the lock is held, if only by
//   a try of a newcomer that then lets a waiter go first. At its release it wakes W.

// A thread may acquire a contended lock again at once, without the queue, because that keeps its caches warm and wakes
// no process. It may do so until it has held the lock `longest` times, but in any case for `shortest` ms and never
// after `longest` ms. Then the hand-over, which costs some 0.3 ms, is a small part of the time.
const shortest = 4;
const longest = 8;

/**
 * The turn of one thread at one lock that others wait for: how long it may pass them, and when the first of them is
 * woken.
 *
 * The first waiter sleeps until it is called, so waking it at each release would wake it for nothing when this thread
 * acquires the lock again at once. So the wake is put off to the end of the turn of the event loop, and dropped if the
 * lock was acquired again by then. A thread that has not yet done so wakes it at once: most programs release a lock and
 * go on without it, or end.
 */
export class Slice {
  readonly #longest: number;
  #end = 0;
  #earliestEnd = 0;
  #holds = 0;
  #gaveWay = false;
  /** Whether this thread acquired the lock again in the turn of the event loop in which it had released it. */
  #acquiresAgain = false;
  /** The wake that was put off. */
  #wake: (() => void) | undefined;
  /** Whether `#endTurn` is due at the end of this turn of the event loop. */
  #turnEnds = false;

  /** `most`: milliseconds, and the number of holds. */
  constructor(most = longest) {
    this.#longest = most;
  }

  /** Begins a new slice, with a hold since `grantedAt`, by default now: nobody waits, or this thread's turn in the queue has come. */
  begin(grantedAt = realTime.now()): void {
    this.#earliestEnd = grantedAt + shortest;
    this.#end = grantedAt + this.#longest;
    this.#holds = 0;
    this.#gaveWay = false;
    this.keep();
  }

  /** Whether this thread has to let the first waiter go before it. */
  get isOver(): boolean {
    const now = realTime.now();
    return now >= this.#end || (this.#holds >= this.#longest && now >= this.#earliestEnd);
  }

  /** Whether a call of this thread that has not queued must queue, because the lock was left to the first waiter. */
  hasGivenWay(): boolean {
    if (this.#turnEnds) this.#acquiresAgain = true;
    return this.#gaveWay;
  }

  /** The lock was left to the first waiter. */
  giveWay(): void {
    this.#gaveWay = true;
  }

  /** The lock was acquired: the wake that was put off is dropped. */
  keep(): void {
    this.#holds += 1;
    this.#wake = undefined;
  }

  /** The lock was released, and `wake` wakes the first waiter: now or at the end of this turn of the event loop. */
  release(wake: () => void): void {
    if (this.isOver) {
      this.giveWay();
      wake();
      return;
    }
    // Also if it is woken now, to learn whether the lock is acquired again in this turn.
    if (!this.#turnEnds) this.#turnEnds = atEndOfTurn(this.#endTurn);
    if (this.#turnEnds && this.#acquiresAgain) this.#wake = wake;
    else wake();
  }

  readonly #endTurn = (): void => {
    this.#turnEnds = false;
    if (this.#wake === undefined) return;
    this.#acquiresAgain = false;
    const wake = this.#wake;
    this.#wake = undefined;
    wake();
  };
}
