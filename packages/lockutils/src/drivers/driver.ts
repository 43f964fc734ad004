import type { Holder } from '../owner/holder.js';

/** The drivers that are built in, by name. */
export type DriverName = 'kernel' | 'lockfile';

/** What a driver is asked to lock. Two requests with the same `path` are for the same lock. */
export interface LockRequest {
  /** The lock name as the user said it, for messages. */
  readonly name: string;
  /** The lock file, absolute. Its directory is the lock path. */
  readonly path: string;
  /** Whether other shared holders are welcome; `false` asks for the lock alone. */
  readonly shared: boolean;
  /**
   * At most so many holders that count permits at one time; `undefined` is a plain lock. Readers are not counted: these
   * two kinds may hold together, and who asks for the lock alone excludes both.
   */
  readonly permits: number | undefined;
  /** Text about this holder that others may read. */
  readonly label: string | undefined;
}

/**
 * A lock that was obtained; it lasts until `release` or the end of this process. Once released, or lost, none of its methods
 * changes anything, whenever it is called.
 */
export interface Grant {
  /**
   * The holder before this one ended without releasing. Said once: of one that had the lock alone, to the first who comes
   * after it; of a permit holder, to who next takes its place among the permits; of a reader, which changes nothing, to
   * nobody.
   */
  readonly previousOwnerDied: boolean;
  /**
   * Gives the lock back. When it throws or rejects, the lock may still be held, and it may be called again. `remove`
   * asks to delete the lock's files too, while still holding. `unused`: the grant came too late and nobody learned of
   * it, so a `previousOwnerDied` must be said to the next one instead.
   */
  release(options?: { readonly remove?: boolean; readonly unused?: boolean }): void | Promise<void>;
  /**
   * Exclusive to shared in one step, so that no other writer comes between; does nothing to what is shared. Absent where
   * that cannot be had.
   */
  downgrade?(): void | Promise<void>;
  /**
   * Begins to turn shared into exclusive, keeping others from joining; `undefined` when another holder has begun to.
   * Absent where that cannot be had.
   */
  upgrade?(): Upgrade | undefined | Promise<Upgrade | undefined>;
  /**
   * Whether what makes the lock is still there; `false` when somebody removed or replaced it, so that another one may
   * hold the lock too. Called every few seconds while it is held, with `keepYoung` about once an hour: then it also
   * sets the times of the files, so that nothing that removes old files takes them. Absent where nothing can be removed.
   */
  refresh?(keepYoung: boolean): boolean | Promise<boolean>;
}

/** One holder's way from shared to exclusive; the shared lock is held throughout. */
export interface Upgrade {
  /** `true` once it is exclusive; `false` while other shared holders are in. */
  attempt(): boolean | Promise<boolean>;
  /** Gives up, or ends after success; lets others join again. */
  end(): void | Promise<void>;
}

/** A place in the line for one lock, kept until `leave` or the end of this process. */
export interface Place {
  /** The number in the line, growing from one drawer to the next; for histories and messages. */
  readonly ticket?: number;
  /** Whether everybody who came before has gone. */
  isFirst(): boolean | Promise<boolean>;
  /**
   * Calls `wake` when it may be worth asking again; hints may be missed or false. Returns how to stop, which whoever was
   * granted waits for: what takes time, such as closing a watcher, it puts off.
   */
  onTurn(wake: () => void): () => void;
  /** Gives the place up and tells the next. Harmless when called twice; never throws or rejects. */
  leave(): void | Promise<void>;
}

/**
 * The mechanism behind external locks: it knows *try* and *release*. Who waits, how long, and in what order among this
 * process's own callers, is decided above it.
 *
 * What every driver must do (the fixture's `verifyLockDriver` checks it):
 * - `tryAcquire` never waits for another holder: it grants, or answers `undefined`, or throws when it cannot know.
 * - A strict driver never takes a lock from a live holder, however old, paused or slow.
 * - When a holder's process ends, in whatever way, the lock can be granted again.
 */
export interface LockDriver {
  /** What the lock path is marked with, so that two mechanisms never guard one directory. */
  readonly name: string;
  /** One attempt. */
  tryAcquire(request: LockRequest): Grant | undefined | Promise<Grant | undefined>;
  /** Joins the line for the lock: first come, first served across processes. Absent: no order is kept. */
  joinQueue?(request: LockRequest): Place | undefined | Promise<Place | undefined>;
  /** Calls `wake` when the lock may have become free; hints may be missed or false. Returns how to stop, as `onTurn` does. */
  onRelease?(request: LockRequest, wake: () => void): () => void;
  /** Who holds the lock now, as far as can be known. For messages only. */
  holders(request: LockRequest): readonly Holder[] | Promise<readonly Holder[]>;
}
