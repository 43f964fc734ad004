import { InternalLock } from '../internal-lock.js';
import { TurnRegistry } from './turn-registry.js';

/**
 * A collection of internal locks: the same name in two collections does not contend. It keeps nothing for names that
 * nobody holds or waits for.
 *
 * oslo's counterpart: `Semaphores`.
 * @example
 * const mine = new Semaphores();
 * await lock('cache', { semaphores: mine }, () => rebuild());
 */
export class Semaphores {
  readonly #registry = new TurnRegistry();

  /** The lock `name` of this collection, as an object. */
  get(name: string): InternalLock {
    return new InternalLock(name, this.#registry);
  }

  /** How many names are held or waited for now. oslo: `len(semaphores)`. */
  get size(): number {
    return this.#registry.size;
  }

  /** The queues by name. Not for use outside this package. @internal */
  get registry(): TurnRegistry {
    return this.#registry;
  }
}
