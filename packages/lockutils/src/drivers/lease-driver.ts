import type { Holder } from '../owner/holder.js';

/** What a lease driver is asked for. Two requests with the same `name` are for the same lease. Times are milliseconds. */
export interface LeaseRequest {
  /** The name as the user said it; how it is stored is the driver's business. */
  readonly name: string;
  /** How long the lease is to last unless it is renewed. */
  readonly ttl: number;
  /** What the user wants others to read about this holder. */
  readonly label: string | undefined;
  /** The clock of {@link LeaseGrant.validUntil}: monotonic, and going on while the machine sleeps. */
  now(): number;
  /** To be called by `acquire` when it has to wait, and whenever it learns of another holder. */
  waiting(holders: readonly Holder[]): void;
}

/** A lease that was obtained. It ends by `release`, or when it is not renewed in time. */
export interface LeaseGrant {
  /** The fencing token: for one name, greater than every token granted before it, over restarts too. */
  readonly token: bigint;
  /**
   * Until when nobody else can be granted the lease, by {@link LeaseRequest.now}. No margin is to be taken off.
   *
   * It is counted from a reading of `now()` taken *before* the request that started the lease was sent: the server
   * starts its count later than that, so it ends its count later too.
   */
  readonly validUntil: number;
  /**
   * Asks for the whole ttl again. Answers the new `validUntil`, counted the same way, or `undefined` when the lease is
   * gone for good. Rejects when neither is known; it is then called again. `signal` aborts when the answer came too late.
   */
  renew(signal: AbortSignal): Promise<number | undefined>;
  /**
   * Gives the lease back, in one step with the check that it is still this one; called once. `false`: it was gone
   * already, and nothing of a successor was touched. Rejects when that is not known; it then ends by its ttl.
   */
  release(): Promise<boolean>;
  /**
   * Calls `report` when the driver hears, between two renewals, that the lease is gone; with `closed` when it gives the
   * lease back because the driver was closed in this process. Returns how to stop.
   */
  onLost?(report: (reason?: 'gone' | 'closed') => void): () => void;
}

/**
 * The mechanism behind leases. It knows *attempt*, *wait*, *renew* and *release*; margins, renewal times, loss signals,
 * timeouts and `fn` are decided above it. Not a `LockDriver`: it may take a name from a holder that is alive but late.
 *
 * What every driver must do (the fixture's `verifyLeaseDriver` checks it):
 * - Nobody else is granted the name before `validUntil` of the last grant or renewal that was answered, unless released.
 * - Tokens of a name strictly increase.
 * - A release or renewal that comes too late changes nothing of a successor.
 * - When `signal` aborts, `tryAcquire` and `acquire` reject with its reason, and leave nothing behind, though
 *   the cleaning may go on after that. A grant that comes after the abort is given back.
 * - When a holder's process ends in whatever way, the name can be granted again after at most its ttl.
 */
export interface LeaseDriver {
  /** Tells it from a strict driver, for the compiler and at run time. */
  readonly kind: 'lease';
  /** For messages: `etcd`. */
  readonly name: string;
  /** One attempt, which never waits for another holder: a grant, or `undefined` when somebody has it or is first. */
  tryAcquire(request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant | undefined>;
  /** Waits for its turn, in the driver's order, until `signal` aborts. Absent: `tryAcquire` is called again and again. */
  acquire?(request: LeaseRequest, signal: AbortSignal): Promise<LeaseGrant>;
  /** Without `acquire`: calls `wake` when it may be worth trying again; hints may be missed or false. Returns how to stop. */
  onRelease?(request: LeaseRequest, wake: () => void): () => void;
  /** Without `acquire`: milliseconds between two tries that no hint asked for; 250 by default. */
  readonly pollEvery?: number;
  /** Who has the name now, as far as can be known. For messages only. */
  holders?(name: string): Promise<readonly Holder[]>;
}
