/** The function that runs under a lock. It receives the handle. */
export type LockBody<T> = (held: HeldLock) => T | PromiseLike<T>;

/** The function that runs under a lock of {@link lockSync}. It must not return a promise. */
export type LockSyncBody<T> = (held: SyncHeldLock) => T;

declare const lockBrand: unique symbol;

/**
 * A lock that is held. Release it with `release()`, `await using` or `using`. The end of the process also releases it.
 *
 * A strict lock: while this process lives, no other caller is granted the lock, however long this process is paused. It
 * is a type of its own: it does not fit where a lease is expected, and a lease does not fit where a lock is expected
 * (G3).
 */
export interface HeldLock extends LockHandle {
  readonly [lockBrand]: true;
}

/** The methods and fields of a held lock. */
export interface LockHandle extends AsyncDisposable, Disposable {
  /** The lock name as the caller gave it. */
  readonly name: string;
  /** Whether the lock holds between processes. */
  readonly external: boolean;
  /** The lock file of an external lock. */
  readonly lockFile: string | undefined;
  /** `shared` admits other shared holders, `exclusive` no other holder. */
  readonly mode: 'exclusive' | 'shared';
  /**
   * The last holder ended without releasing, so its work on the protected data may be half done. Reported once, to the
   * first holder after it (G19). Always `false` for internal locks.
   */
  readonly previousOwnerDied: boolean;
  /** How long the call waited, in ms; 0 if the lock was granted at once. */
  readonly waitedMs: number;
  /** Whether the lock was released. */
  readonly released: boolean;
  /**
   * Releases the lock. Another call does nothing. Rejects if the system failed to release it: the lock may then still
   * be held until this process ends. Also rejects, with a {@link LockLostError} as cause, if somebody removed the lock
   * by hand while it was held: then nothing is held any more.
   */
  release(): Promise<void>;
  /**
   * Changes from exclusive to shared in one step: no other writer can come between (G11). With a synchronous driver,
   * the change is complete when the call returns. Rejects with {@link LockUnsupportedError} if the driver does not
   * support it.
   */
  downgrade(): Promise<void>;
  /**
   * Changes from shared to exclusive in one step: waits until the other readers are gone, and no writer comes between
   * (G11).
   * @throws UpgradeConflictError if another reader already waits to upgrade: release and lock again.
   */
  upgrade(options?: { readonly timeout?: number; readonly signal?: AbortSignal }): Promise<void>;
}

/**
 * A lock acquired by {@link lockSync}. Release it with `release()` or `using`. The end of the process also releases it.
 */
export interface SyncHeldLock
  extends Disposable,
    Pick<LockHandle, 'name' | 'external' | 'lockFile' | 'mode' | 'previousOwnerDied' | 'waitedMs' | 'released'> {
  /**
   * Releases the lock. Another call does nothing.
   *
   * @throws LockReleaseError if the system failed: the lock is then still held, unless the cause is a LockLostError
   */
  release(): void;
}
