import { processState } from '@oslo-concurrency/core';
import { TurnQueue } from './turn-queue.js';

/**
 * The queues in use of one collection, by key. A queue that nobody holds or waits in is not kept (G25), but for one:
 * the `#latest`, so that who takes one lock again and again pays for no map and no new queue.
 *
 * A key is the latest or in the map, never both: it becomes the latest only when it was not found in the map, and goes
 * to the map only when it is not the latest. The latest gives way to another only while it is idle, and then nobody has
 * its queue in hand, as between `open` and joining the queue nothing else runs.
 */
export class TurnRegistry {
  readonly #queues = new Map<string, TurnQueue>();
  #latestKey: string | undefined;
  #latest: TurnQueue | undefined;
  readonly #preferWriters: boolean;

  constructor(preferWriters = false) {
    this.#preferWriters = preferWriters;
  }

  /** How many keys are held or waited for. */
  get size(): number {
    return this.#queues.size + (this.#latest === undefined || this.#latest.idle ? 0 : 1);
  }

  /** The queue of `key`, made when there is none. Hand it to {@link settle} after a turn in it has left. */
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

  /** Forgets the queue of `key` when it has become idle. */
  settle(key: string, queue: TurnQueue): void {
    if (queue === this.#latest || !queue.idle) return;
    // Another queue may stand under the key already, opened after an earlier settle.
    if (this.#queues.get(key) === queue) this.#queues.delete(key);
  }
}

/** A collection of internal locks: `Semaphores` or `FairLocks`. */
export interface QueueCollection {
  /** The number of names that have a holder or a waiter now. */
  readonly size: number;
  /** The queues by name. Not for use outside this package. @internal */
  readonly registry: TurnRegistry;
}

/** The default collection: one a process, whatever number of copies of this package are installed. */
export const defaultRegistry = processState('lockutils/names', 1, () => new TurnRegistry());

/** The queues of lock files by absolute path: two names that share a file, or two collections, meet here. */
export const pathRegistry = processState('lockutils/paths', 1, () => new TurnRegistry());
