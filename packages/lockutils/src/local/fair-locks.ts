import { ReaderWriterLock } from './reader-writer-lock.js';
import { TurnRegistry } from './turn-registry.js';

/**
 * A collection of reader/writer locks by name; the same name in two collections does not contend. It keeps nothing for
 * names that nobody holds or waits for.
 *
 * oslo's counterpart: `FairLocks`. There it is what makes a lock fair; here every internal lock is.
 */
export class FairLocks {
  readonly #registry = new TurnRegistry(true);

  /** The lock `name` of this collection. */
  get(name: string): ReaderWriterLock {
    return new ReaderWriterLock(name, this.#registry);
  }

  /** How many names are held or waited for now. */
  get size(): number {
    return this.#registry.size;
  }

  /** The queues by name. Not for use outside this package. @internal */
  get registry(): TurnRegistry {
    return this.#registry;
  }
}
