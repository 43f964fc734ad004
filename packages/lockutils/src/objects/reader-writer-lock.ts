import type { TurnQueue } from '../local/turn-queue.js';
import { defaultRegistry, TurnRegistry } from '../local/turn-registry.js';
import { type LockCall, planIn } from '../locking/call.js';
import type { HeldLock } from '../locking/handles.js';
import { checkLockOptions } from '../options/lock-options.js';
import type { WaitOptions } from '../options/wait-options.js';
import { ReaderWriterObject } from './lock-object.js';

// Which lock a handle belongs to: the collection and the name, so that two objects of one lock know it alike.
const origins = new WeakMap<HeldLock, { readonly registry: TurnRegistry; readonly name: string }>();

/**
 * Many readers or one writer, within this thread. Writers are served in order of arrival, and before all readers that
 * wait; a stream of writers can keep readers out. `lock(name, { shared: true })` serves both in order of arrival.
 *
 * A reader does not become a writer: `writeLock` inside a reader's `fn`, which could never be granted, rejects with
 * `DeadlockError`, and so does `upgrade()` of its handle, with `LockUnsupportedError`. Not reentrant: Python's lets
 * the thread that has it in again; here owners are handles, and a call that waits for its own caller rejects.
 *
 * oslo's counterpart: `lockutils.ReaderWriterLock` (of fasteners).
 */
export class ReaderWriterLock extends ReaderWriterObject {
  /** What {@link owner} says of a writer. */
  static readonly WRITER = 'w';
  /** What {@link owner} says of readers. */
  static readonly READER = 'r';

  /** What error messages call it. */
  readonly name: string;
  readonly #registry: TurnRegistry;

  /** `name` is for messages: each object is a lock of its own. The second argument is for this package. */
  constructor(name = 'ReaderWriterLock', registry: TurnRegistry = new TurnRegistry(true)) {
    super();
    checkLockOptions(name, {});
    this.name = name;
    this.#registry = registry;
  }

  /** Who has the lock: a writer, readers, or nobody. */
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

  /** Whether the handle holds this lock as its writer. Who waits has no handle yet. */
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

/**
 * The internal lock `name` as a reader/writer lock, all served in order of arrival.
 *
 * Its writers exclude `lock(name)`, fair or not; in oslo a fair and a plain lock of one name do not see each other.
 *
 * oslo's counterpart: `lockutils.internal_fair_lock`.
 */
export function internalFairLock(name: string): ReaderWriterLock {
  return new ReaderWriterLock(name, defaultRegistry);
}
