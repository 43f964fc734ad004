import { processState } from '@oslo-concurrency/core';
import { TurnQueue } from './turn-queue.js';

/** The queues in use of one collection, by key. A queue that nobody holds or waits in is not kept (G25). */
export class TurnRegistry {
  readonly #queues = new Map<string, TurnQueue>();
  readonly #preferWriters: boolean;

  constructor(preferWriters = false) {
    this.#preferWriters = preferWriters;
  }

  /** How many keys are held or waited for. */
  get size(): number {
    return this.#queues.size;
  }

  /** The queue of `key`, made when there is none. Hand it to {@link settle} after a turn in it has left. */
  open(key: string): TurnQueue {
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new TurnQueue(this.#preferWriters);
      this.#queues.set(key, queue);
    }
    return queue;
  }

  /** The queue of `key` if it is in use. */
  peek(key: string): TurnQueue | undefined {
    return this.#queues.get(key);
  }

  /** Forgets the queue of `key` when it has become idle. */
  settle(key: string, queue: TurnQueue): void {
    // Another queue may stand under the key already, opened after an earlier settle.
    if (queue.idle && this.#queues.get(key) === queue) this.#queues.delete(key);
  }
}

/** The default collection: one a process, whatever number of copies of this package are installed. */
export const defaultRegistry = processState('lockutils/names', 1, () => new TurnRegistry());

/** The queues of lock files by absolute path: two names that share a file, or two collections, meet here. */
export const pathRegistry = processState('lockutils/paths', 1, () => new TurnRegistry());
