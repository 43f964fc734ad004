import { getLogger } from '@oslo-concurrency/core';
import type { LeaseGrant } from '../drivers/lease-driver.js';
import { LeaseLostError } from './errors.js';
import type { HeldLease } from './held-lease.js';
import { readingThrough } from './reading-signal.js';

/** All leases that one `leaseAll` acquired, held together. Release them with `release()` or `await using`. */
export class HeldLeases<G extends LeaseGrant = LeaseGrant> implements AsyncDisposable {
  /** The leases, in the order in which they were acquired; each has its own token and signal. */
  readonly leases: readonly HeldLease<G>[];
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #keyOf: (name: string) => string;
  readonly #listening: { readonly signal: AbortSignal; readonly lose: () => void }[];
  #released: Promise<void> | undefined;

  /** @internal */
  constructor(leases: readonly HeldLease<G>[], keyOf: (name: string) => string) {
    this.leases = leases;
    this.#keyOf = keyOf;
    this.#listening = leases.map(({ signal }) => ({ signal, lose: () => this.#abort.abort(signal.reason) }));
    for (const { signal, lose } of this.#listening) {
      signal.addEventListener('abort', lose, { once: true });
      if (signal.aborted) lose();
    }
    this.#signal = readingThrough(this.#abort.signal, () => this.#check());
  }

  /** The names, each lease once, in the order in which they were acquired. */
  get names(): readonly string[] {
    return this.leases.map(({ name }) => name);
  }

  /** Aborts when the first of them is lost, with its {@link LeaseLostError}. Does not abort on release. */
  get signal(): AbortSignal {
    this.#check();
    return this.#signal;
  }

  /** Whether `release` was called. */
  get released(): boolean {
    return this.#released !== undefined;
  }

  /** The lease of a name, also of one that means the same lease; `undefined` for other names. */
  of(name: string): HeldLease<G> | undefined {
    const key = this.#keyOf(name);
    return this.leases.find((held) => this.#keyOf(held.name) === key);
  }

  /** Throws unless all are held at this moment. @throws LeaseLostError, also after a release. */
  assertHeld(): void {
    for (const held of this.leases) held.assertHeld();
  }

  /**
   * Releases all, the last one first. Another call returns the same promise. Settles within ttl + 2 s, whatever the driver
   * does. Rejects with the first failure after all were tried, a loss before any other; the rest is logged.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    for (const { signal, lose } of this.#listening) signal.removeEventListener('abort', lose);
    // At once, not one after the other: an engine that does not answer must not add up its limits.
    const results = await Promise.allSettled([...this.leases].reverse().map((held) => held.release()));
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    const worst = failures.find((error) => error instanceof LeaseLostError) ?? failures[0];
    for (const error of failures) if (error !== worst) getLogger().warn(error.message);
    if (worst !== undefined) throw worst;
  }

  /** Reading a lease's own signal compares its clock, and aborts ours if it is over. */
  #check(): void {
    for (const { signal } of this.#listening) void signal.aborted;
  }
}
