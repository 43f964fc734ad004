import type { TurnQueue } from '../local/turn-queue.js';
import { defaultRegistry, TurnRegistry } from '../local/turn-registry.js';
import { type LockCall, planIn } from '../locking/call.js';
import type { HeldLock } from '../locking/held/handles.js';
import { checkLockOptions } from '../options/lock-options.js';
import type { WaitOptions } from '../options/wait-options.js';
import { ReaderWriterObject } from './lock-object.js';

// Maps a handle to its lock (collection and name), so that two objects of one lock both recognise it.
const origins = new WeakMap<HeldLock, { readonly registry: TurnRegistry; readonly name: string }>();

/**
 * Many readers or one writer, within this thread. Writers are served in order of arrival, and before all waiting
 * readers, so a stream of writers can keep readers out. `lock(name, { shared: true })` serves both in order of arrival.
 *
 * A reader cannot become a writer: `writeLock` inside a reader's `fn` could never be granted and rejects with
 * `DeadlockError`; `upgrade()` of a reader's handle rejects with `LockUnsupportedError`. Not reentrant: Python's lets
 * the owning thread in again; here owners are handles, and a call that would wait for its own caller rejects.
 *
 * oslo's counterpart: `lockutils.ReaderWriterLock` (of fasteners).
 */
export class ReaderWriterLock extends ReaderWriterObject {
  /** The value of {@link owner} while a writer holds the lock. */
  static readonly WRITER = 'w';
  /** The value of {@link owner} while readers hold the lock. */
  static readonly READER = 'r';

  /** The name of the lock in error messages. */
  readonly name: string;
  readonly #registry: TurnRegistry;

  /** `name` is for messages: each object is a separate lock. The second argument is for this package. */
  constructor(name = 'ReaderWriterLock', registry: TurnRegistry = new TurnRegistry(true)) {
    super();
    checkLockOptions(name, {});
    this.name = name;
    this.#registry = registry;
  }

  /** Whether a writer or readers hold the lock; `undefined` if it is free. */
  get owner(): typeof ReaderWriterLock.WRITER | typeof ReaderWriterLock.READER | undefined {
    const first = this.#queue?.turns().next().value;
    if (first?.state !== 'held') return undefined;
    return first.shared || first.permits !== undefined ? ReaderWriterLock.READER : ReaderWriterLock.WRITER;
  }

  /** Whether a writer waits. */
  get hasPendingWriters(): boolean {
    for (const turn of this.#queue?.turns() ?? []) if (turn.state === 'waiting' && !turn.shared) return true;
    return false;
  }

  /** Whether the handle holds this lock as a reader. */
  isReader(handle: HeldLock): boolean {
    return this.#isMine(handle) && handle.mode === 'shared';
  }

  /** Whether the handle holds this lock as its writer. A waiter has no handle yet. */
  isWriter(handle: HeldLock): boolean {
    return this.#isMine(handle) && handle.mode === 'exclusive';
  }

  protected override plan(options: WaitOptions, shared: boolean): LockCall {
    const call = planIn(this.#registry, this.name, undefined, { doLog: false, ...options, shared });
    return shared ? { ...call, upgradable: false } : call;
  }

  protected override granted(held: HeldLock): void {
    origins.set(held, { registry: this.#registry, name: this.name });
  }

  #isMine(handle: HeldLock): boolean {
    const origin = origins.get(handle);
    return origin?.registry === this.#registry && origin.name === this.name && !handle.released;
  }

  get #queue(): TurnQueue | undefined {
    return this.#registry.peek(this.name);
  }
}

/**
 * A collection of reader/writer locks by name. The same name in two collections does not contend. The collection keeps
 * nothing for a name without a holder or waiter.
 *
 * oslo's counterpart: `FairLocks`. In oslo it makes a lock fair; here every internal lock is fair.
 */
export class FairLocks {
  readonly #registry = new TurnRegistry(true);

  /** The lock `name` of this collection. */
  get(name: string): ReaderWriterLock {
    return new ReaderWriterLock(name, this.#registry);
  }

  /** The number of names that have a holder or a waiter now. */
  get size(): number {
    return this.#registry.size;
  }

  /** The queues by name. Not for use outside this package. @internal */
  get registry(): TurnRegistry {
    return this.#registry;
  }
}

/**
 * The internal lock `name` as a reader/writer lock. Readers and writers are served in order of arrival.
 *
 * Its writers exclude `lock(name)`, fair or not. In oslo, a fair and a plain lock of one name do not see each other.
 *
 * oslo's counterpart: `lockutils.internal_fair_lock`.
 * @param name - The name of the lock. Callers that give the same name exclude each other.
 */
export function internalFairLock(name: string): ReaderWriterLock {
  return new ReaderWriterLock(name, defaultRegistry);
}
