/** What runs under a lock; it gets the handle. */
export type LockBody<T> = (held: HeldLock) => T | PromiseLike<T>;

/** What runs under a lock that {@link lockSync} took; it must not return a promise. */
export type LockSyncBody<T> = (held: SyncHeldLock) => T;

declare const lockBrand: unique symbol;

/**
 * A lock that is held. Release it with `release()`, `await using`, or `using`; the end of the process does too.
 *
 * A strict lock: while this process lives nobody takes it, however long it is paused. It is a type of its own, which
 * does not fit where a lease is asked for, nor the other way round (G3).
 */
export interface HeldLock extends LockHandle {
  readonly [lockBrand]: true;
}

/** What a held lock can do. */
export interface LockHandle extends AsyncDisposable, Disposable {
  /** The lock name as it was given. */
  readonly name: string;
  /** Whether it holds between processes. */
  readonly external: boolean;
  /** The lock file of an external lock. */
  readonly lockFile: string | undefined;
  /** `shared` lets other shared holders in, `exclusive` nobody. */
  readonly mode: 'exclusive' | 'shared';
  /**
   * The last holder ended without releasing, so what the lock protects may be half done. Said once, to the first
   * holder after it (G19). Always `false` for internal locks.
   */
  readonly previousOwnerDied: boolean;
  /** How long the call waited, ms; 0 when it was granted at once. */
  readonly waitedMs: number;
  /** Whether it was released. */
  readonly released: boolean;
  /**
   * Gives it back; calling it again does nothing. Rejects when the system failed to release: it may then still be held
   * until this process ends. Rejects as well, with a {@link LockLostError} as cause, when the lock had been taken away by
   * hand while it was held: then nothing is held any more.
   */
  release(): Promise<void>;
  /**
   * Exclusive to shared, in one step: no other writer can come between (G11). Done when it returns, by drivers that work
   * synchronously. Rejects with {@link LockUnsupportedError} where that cannot be had.
   */
  downgrade(): Promise<void>;
  /**
   * Shared to exclusive, in one step: waits until the other readers are gone, and no writer comes between (G11).
   * @throws UpgradeConflictError when another reader already waits to upgrade: release and lock again.
   */
  upgrade(options?: { readonly timeout?: number; readonly signal?: AbortSignal }): Promise<void>;
}

/** A lock that {@link lockSync} took. Release it with `release()` or `using`; the end of the process does too. */
export interface SyncHeldLock
  extends Disposable,
    Pick<LockHandle, 'name' | 'external' | 'lockFile' | 'mode' | 'previousOwnerDied' | 'waitedMs' | 'released'> {
  /**
   * Gives it back; calling it again does nothing.
   *
   * @throws LockReleaseError when the system failed: still held then, unless its cause is a LockLostError
   */
  release(): void;
}
