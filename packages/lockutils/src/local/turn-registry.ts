import { processState } from '@oslo-concurrency/core';
import { type Turn, TurnQueue } from './turn-queue.js';

/**
 * The queues in use of one collection, by key. A queue without holders and waiters is not kept (G25), with one
 * exception: the `#latest`. It spares a caller that locks the same name repeatedly a map entry and a new queue each
 * time.
 *
 * A key is either the latest or in the map, never both: it becomes the latest only if it is not in the map, and it
 * enters the map only if it is not the latest. Another key replaces the latest only while its queue is idle. At that
 * moment no caller is using that queue, because nothing else runs between `open` and joining the queue.
 */
export class TurnRegistry {
  readonly #queues = new Map<string, TurnQueue>();
  #latestKey: string | undefined;
  #latest: TurnQueue | undefined;
  readonly #preferWriters: boolean;

  constructor(preferWriters = false) {
    this.#preferWriters = preferWriters;
  }

  /** The number of keys that have a holder or a waiter. */
  get size(): number {
    return this.#queues.size + (this.#latest === undefined || this.#latest.idle ? 0 : 1);
  }

  /** The queue of `key`, created if there is none. After a turn has left it, pass it to {@link settle}. */
  open(key: string): TurnQueue {
    const known = this.peek(key);
    if (known !== undefined) return known;
    const queue = new TurnQueue(this.#preferWriters);
    if (this.#latest?.idle === false) {
      this.#queues.set(key, queue);
    } else {
      this.#latestKey = key;
      this.#latest = queue;
    }
    return queue;
  }

  /** The queue of `key` if it is in use; it may be idle. */
  peek(key: string): TurnQueue | undefined {
    return key === this.#latestKey ? this.#latest : this.#queues.get(key);
  }

  /** Forgets the queue of `key` if it is idle. */
  settle(key: string, queue: TurnQueue): void {
    if (queue === this.#latest || !queue.idle) return;
    // Another queue may already be stored under the key, opened after an earlier settle.
    if (this.#queues.get(key) === queue) this.#queues.delete(key);
  }
}

/** A turn in one of this process's queues, with the queue it belongs to. */
export interface HeldTurn {
  readonly registry: TurnRegistry;
  readonly key: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
}

/** Leaves a queue of this process, and forgets the queue if it is now idle. */
export function leaveTurn({ registry, key, queue, turn }: HeldTurn): void {
  queue.leave(turn);
  registry.settle(key, queue);
}

/** A collection of internal locks: `Semaphores` or `FairLocks`. */
export interface QueueCollection {
  /** The number of names that have a holder or a waiter now. */
  readonly size: number;
  /** The queues by name. Not for use outside this package. @internal */
  readonly registry: TurnRegistry;
}

/** The default collection: one per process, however many copies of this package are installed. */
export const defaultRegistry = processState('lockutils/names', 1, () => new TurnRegistry());

/** The queues of lock files by absolute path. Two names that share a file, or two collections, meet here. */
export const pathRegistry = processState('lockutils/paths', 1, () => new TurnRegistry());
