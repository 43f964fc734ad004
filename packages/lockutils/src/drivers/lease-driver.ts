import type { Holder } from '../owner/holder.js';

/** A request to a lease driver. Two requests with the same `name` are for the same lease. Times are milliseconds. */
export interface LeaseRequest {
  /** The name as the user gave it. The driver decides how to store it. */
  readonly name: string;
  /** How long the lease is to last unless it is renewed. */
  readonly ttl: number;
  /** Text about this holder that others may read. */
  readonly label: string | undefined;
  /** The clock of {@link LeaseGrant.validUntil}: monotonic, and it goes on while the machine sleeps. */
  now(): number;
  /** `acquire` calls this when it has to wait, and whenever it learns of another holder. */
  waiting(holders: readonly Holder[]): void;
}

/** A lease that was granted. It ends by `release`, or if it is not renewed in time. */
export interface LeaseGrant {
  /** The fencing token: for one name, greater than every token granted before, across restarts too. */
  readonly token: bigint;
  /**
   * Until this moment no other caller can be granted the lease, by {@link LeaseRequest.now}. The driver subtracts no
   * margin.
   *
   * It is counted from a reading of `now()` taken *before* the request that started the lease was sent: the server
   * starts its count later than that, so it ends its count later too.
   */
  readonly validUntil: number;
  /**
   * Asks for the whole ttl again. Resolves to the new `validUntil`, counted the same way, or to `undefined` if the
   * lease is gone for good. Rejects if neither is known; the library then calls it again. `signal` aborts if the answer
   * is too late.
   */
  renew(signal: AbortSignal): Promise<number | undefined>;
  /**
   * Releases the lease, atomically with the check that it is still this lease; called once. Resolves to `false` if the
   * lease was already gone; a successor is not affected. Rejects if the result is not known; the lease then ends by its
   * ttl.
   */
  release(): Promise<boolean>;
  /**
   * Calls `report` if the driver learns, between two renewals, that the lease is gone. Calls it with `closed` if the
   * driver releases the lease because this process closed the driver. Returns a function that stops this.
   */
  onLost?(report: (reason?: 'gone' | 'closed') => void): () => void;
}

/**
 * The mechanism behind leases. It implements *attempt*, *wait*, *renew* and *release*. The layers above it decide about
 * margins, renewal times, loss signals, timeouts and `fn`. It is not a `LockDriver`: it may grant a name while its
 * earlier holder is alive but late.
 *
 * What every driver must do (the fixture's `verifyLeaseDriver` checks it):
 * - No other caller is granted the name before `validUntil` of the last grant or answered renewal, unless the holder
 *   released it.
 * - The tokens of a name strictly increase.
 * - A release or renewal that arrives too late does not affect a successor.
 * - When `signal` aborts, `tryAcquire` and `acquire` reject with its reason and leave nothing behind. The cleanup may
 *   go on after that. A grant that arrives after the abort is released.
 * - When a holder's process ends in any way, the name can be granted again after at most its ttl.
 */
export interface LeaseDriver {
  /** Distinguishes it from a strict driver, for the compiler and at run time. */
  readonly kind: 'lease';
  /** The driver's name in messages: `etcd`. */
  readonly name: string;
  /**
   * One attempt, which never waits for another holder. Resolves to a grant, or to `undefined` if another caller holds
   * the lease or comes first in the queue.
   */
  tryAcquire(request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant | undefined>;
  /** Waits for its turn, in the driver's order, until `signal` aborts. If absent, `tryAcquire` is called repeatedly. */
  acquire?(request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant>;
  /**
   * For drivers without `acquire`: calls `wake` when another try may succeed. Hints may be missed or false. Returns a
   * function that stops the hints.
   */
  onRelease?(request: LeaseRequest, wake: () => void): () => void;
  /** For drivers without `acquire`: milliseconds between two tries that no hint triggered; 250 by default. */
  readonly pollEvery?: number;
  /** The holders of the name now, as far as they are known. For messages only. */
  holders?(name: string): Promise<readonly Holder[]>;
}
