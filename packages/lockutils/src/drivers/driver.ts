import type { Holder } from '../owner/holder.js';

/** The names of the built-in drivers. */
export type DriverName = 'kernel' | 'lockfile';

/** A request to a lock driver. Two requests with the same `path` are for the same lock. */
export interface LockRequest {
  /** The lock name as the user gave it, for messages. */
  readonly name: string;
  /** The absolute path of the lock file. Its directory is the lock path. */
  readonly path: string;
  /** Whether other shared holders are admitted; `false` asks for the lock exclusively. */
  readonly shared: boolean;
  /**
   * At most this many holders that count permits at a time; `undefined` is a plain lock. Readers are not counted:
   * readers and permit holders may hold the lock together. An exclusive holder excludes both.
   */
  readonly permits: number | undefined;
  /** Text about this holder that others may read. */
  readonly label: string | undefined;
}

/**
 * A lock that was granted. It lasts until `release` or the end of this process. Once it is released or lost, none of
 * its methods changes anything, whenever it is called.
 */
export interface Grant {
  /**
   * Whether an earlier holder ended without releasing. Reported once: for an exclusive holder, to the next holder; for
   * a permit holder, to the next holder of that permit. A reader's death is not reported, because readers change
   * nothing.
   */
  readonly previousOwnerDied: boolean;
  /**
   * Releases the lock. If it throws or rejects, the lock may still be held, and it may be called again. `remove` asks
   * to delete the lock's files too, while the lock is still held. `unused`: the grant came too late to be delivered, so
   * a `previousOwnerDied` must be reported to the next holder instead. `next`: another call of this thread waits for the
   * lock, exclusively, and tries it before this turn of the event loop is over. So the driver may grant
   * the lock to that call by this release, for a moment and as long as others do not wait longer because of that than for
   * one holder.
   */
  release(options?: {
    readonly remove?: boolean;
    readonly unused?: boolean;
    readonly next?: boolean;
  }): void | Promise<void>;
  /**
   * Changes from exclusive to shared in one step, so that no other writer comes between. Does nothing if the lock is
   * already shared. Absent if the driver does not support it.
   */
  downgrade?(): void | Promise<void>;
  /**
   * Begins to change from shared to exclusive and keeps new holders out; `undefined` if another holder has already
   * begun. Absent if the driver does not support it.
   */
  upgrade?(): Upgrade | undefined | Promise<Upgrade | undefined>;
  /**
   * Whether the files that make the lock still exist; `false` if somebody removed or replaced them, so that another
   * process may hold the lock too. Called every few seconds while the lock is held. About once an hour it is called
   * with `keepYoung`: then it also sets the times of the files, so that a cleaner of old files does not remove them.
   * Absent if there is nothing to remove.
   */
  refresh?(keepYoung: boolean): boolean | Promise<boolean>;
}

/** The change of one holder from shared to exclusive. The shared lock is held throughout. */
export interface Upgrade {
  /**
   * Resolves to `true` once the lock is exclusive, and to `false` while there are other shared holders. May throw
   * `UpgradeConflictError` if only now it is seen that another holder began first.
   */
  attempt(): boolean | Promise<boolean>;
  /** Abandons the change, or finishes it after success. New holders are admitted again. */
  end(): void | Promise<void>;
}

/** A place in the queue of one lock, kept until `leave` or the end of this process. */
export interface Place {
  /** The number in the queue, which grows from one ticket to the next; for histories and messages. */
  readonly ticket?: number;
  /** Whether every earlier waiter has gone. */
  isFirst(): boolean | Promise<boolean>;
  /**
   * Whether several waiters are before this one, so that it cannot be first soon without a hint. It then looks less
   * often. Absent if the driver does not know.
   */
  isFar?(): boolean;
  /**
   * Calls `wake` when it may be worth asking again. Hints may be missed or false. Returns a function that stops the
   * hints. The caller waits for that function right after its grant, so slow work, such as closing a watcher, is
   * deferred.
   */
  onTurn(wake: () => void): () => void;
  /**
   * Records for listings whether the owner of the place waits, or keeps the place while it holds the lock. Called with
   * `true` when the wait begins, and with `false` at the grant. Never throws. Absent if the driver cannot.
   */
  noteWait?(waits: boolean): void;
  /**
   * Asks every holder to wake the owner of this place, which is first, at the release. Called before each pause. Returns
   * whether holders did not know before: then the lock may have become free unnoticed, and the owner tries once more.
   * Never throws. If present, {@link onTurn} calls `wake` at a release too.
   */
  ask?(): boolean;
  /** Gives up the place and notifies the next waiter. Has no effect when called again; never throws or rejects. */
  leave(): void | Promise<void>;
}

/**
 * The mechanism behind external locks. It implements *try* and *release*. The layers above it decide which call waits,
 * how long, and in what order among the calls of this process.
 *
 * What every driver must do (the fixture's `verifyLockDriver` checks it):
 * - `tryAcquire` never waits for another holder: it grants the lock, returns `undefined`, or throws if it cannot know.
 * - A strict driver never takes a lock from a live holder, however old, paused or slow that holder is.
 * - When a holder's process ends in any way, the lock can be granted again.
 */
export interface LockDriver {
  /** The name that the lock path is marked with, so that two mechanisms never guard one directory. */
  readonly name: string;
  /**
   * One attempt. `by` is the place of the caller, which is first in the queue; or `'newcomer'` if the caller can wait
   * and has not joined the queue: then the driver may refuse the lock although it is free, so that the first waiter goes
   * before it. Without `by`, the lock is refused only while it is held.
   */
  tryAcquire(request: LockRequest, by?: Place | 'newcomer'): Grant | undefined | Promise<Grant | undefined>;
  /**
   * Makes `attempt`, which calls `tryAcquire`, if no caller is in the queue: then it passes no waiter. `undefined` if a
   * caller is, or if that cannot be seen at the moment. A caller that was promised an order, a reader and a permit holder
   * try this first: one that is granted the lock this way needs no place. If absent, they join the queue first.
   */
  tryUnqueued?<T>(request: LockRequest, attempt: () => T): T | undefined;
  /**
   * Joins the queue of the lock: first come, first served across processes. If absent, no order is kept. `ordered` is
   * `false` if the caller was promised no order: it may pass waiters that do not react.
   */
  joinQueue?(request: LockRequest, ordered?: boolean): Place | undefined | Promise<Place | undefined>;
  /**
   * Calls `wake` when the lock may have become free. Hints may be missed or false. Returns a function that stops the
   * hints, as `onTurn` does.
   */
  onRelease?(request: LockRequest, wake: () => void): () => void;
  /** The holders of the lock now, as far as they are known. For messages only. */
  holders(request: LockRequest): readonly Holder[] | Promise<readonly Holder[]>;
}
