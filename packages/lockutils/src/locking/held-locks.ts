import { getLogger } from '@oslo-concurrency/core';
import type { GrantedLock } from './held-lock.js';

/** All the locks that one {@link acquireAll} took, held together. Release them with `release()` or `await using`. */
export class HeldLocks implements AsyncDisposable, Disposable {
  /** The lock names, each once, in the order they were taken. */
  readonly names: readonly string[];
  /** How long the call waited, ms. */
  readonly waitedMs: number;
  readonly #granted: readonly GrantedLock[];

  /** @internal */
  constructor(names: readonly string[], granted: readonly GrantedLock[], waitedMs: number) {
    this.names = names;
    this.#granted = granted;
    this.waitedMs = waitedMs;
  }

  /** The lock files of external locks, each once, in the order they were taken. */
  get lockFiles(): readonly string[] {
    return this.#granted.flatMap(({ lockFile }) => lockFile ?? []);
  }

  /** The last holder of at least one of them ended without releasing. */
  get previousOwnerDied(): boolean {
    return this.#granted.some((lock) => lock.previousOwnerDied);
  }

  /** Whether all were released. */
  get released(): boolean {
    return this.#granted.every((lock) => lock.released);
  }

  /**
   * Gives all back, the last one first; calling it again does nothing. When the system fails at some, the others are
   * given back, and it rejects with the first failure; it may be called again.
   */
  async release(): Promise<void> {
    await releaseEach(this.#granted, (lock) => lock.release());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  // As with one lock: what a driver can do at once is done when this returns.
  [Symbol.dispose](): void {
    this.release().catch((error: Error) => getLogger().error(error.message));
  }
}

/** Releases in reverse; rejects with the first failure after all were tried, and logs the others. */
export async function releaseEach(
  granted: readonly GrantedLock[],
  release: (lock: GrantedLock) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled([...granted].reverse().map(release));
  const [first, ...others] = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  for (const error of others) getLogger().error(error.message);
  if (first !== undefined) throw first;
}
