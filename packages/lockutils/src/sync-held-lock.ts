import type { GrantedLock } from './granted-lock.js';

/** A lock that {@link lockSync} took. Release it with `release()` or `using`; the end of the process does too. */
export class SyncHeldLock implements Disposable {
  readonly #granted: GrantedLock;

  /** @internal */
  constructor(granted: GrantedLock) {
    this.#granted = granted;
  }

  /** The lock name as it was given. */
  get name(): string {
    return this.#granted.name;
  }

  /** Whether it holds between processes. */
  get external(): boolean {
    return this.#granted.external;
  }

  /** The lock file of an external lock. */
  get lockFile(): string | undefined {
    return this.#granted.lockFile;
  }

  /** `shared` lets other shared holders in, `exclusive` nobody. */
  get mode(): 'exclusive' | 'shared' {
    return this.#granted.mode;
  }

  /** The last holder ended without releasing; said once, to the first holder after it (G19). */
  get previousOwnerDied(): boolean {
    return this.#granted.previousOwnerDied;
  }

  /** How long the call waited, ms. */
  get waitedMs(): number {
    return this.#granted.waitedMs;
  }

  /** Whether it was released. */
  get released(): boolean {
    return this.#granted.released;
  }

  /**
   * Gives it back; calling it again does nothing.
   *
   * @throws LockReleaseError when the system failed: still held then, unless its cause is a LockLostError
   */
  release(): void {
    this.#granted.releaseSync();
  }

  /** As {@link release}. */
  [Symbol.dispose](): void {
    this.release();
  }
}
