import { defaultRegistry, TurnRegistry } from '../local/turn-registry.js';
import { type LockCall, planIn } from '../locking/call.js';
import { checkLockOptions } from '../options/lock-options.js';
import type { WaitOptions } from '../options/wait-options.js';
import { LockObject } from './lock-object.js';

/** The lock of a name within this thread, as an object. Created by {@link internalLock} and `Semaphores.get`. */
export class InternalLock extends LockObject {
  readonly name: string;
  readonly #registry: TurnRegistry;

  /** @internal */
  constructor(name: string, registry: TurnRegistry) {
    super();
    // Checked here: an invalid name is the fault of this call, not of a later acquire().
    checkLockOptions(name, {});
    this.name = name;
    this.#registry = registry;
  }

  protected override plan(options: WaitOptions): LockCall {
    return planIn(this.#registry, this.name, undefined, { doLog: false, ...options });
  }
}

/**
 * The internal lock `name` as an object to acquire and release. It is the same lock that `lock(name)` acquires.
 *
 * Two objects of one name exclude each other. In oslo, `blocking` is an argument of this function; here it is an option
 * of `acquire`.
 *
 * oslo's counterpart: `lockutils.internal_lock`.
 * @param name - The name of the lock. Callers that give the same name exclude each other.
 * @param options - `semaphores`: the collection of the lock. The default is one collection for all of the process.
 * @example
 * await internalLock('cache').acquire(() => rebuild());
 */
export function internalLock(name: string, options: { readonly semaphores?: Semaphores } = {}): InternalLock {
  return new InternalLock(name, options.semaphores?.registry ?? defaultRegistry);
}

/**
 * A collection of internal locks: the same name in two collections does not contend. The collection keeps nothing for a
 * name without a holder or waiter.
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

  /** The number of names that have a holder or a waiter now. oslo: `len(semaphores)`. */
  get size(): number {
    return this.#registry.size;
  }

  /** The queues by name. Not for use outside this package. @internal */
  get registry(): TurnRegistry {
    return this.#registry;
  }
}
