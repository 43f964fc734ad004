import type { Holder } from '../owner/holder.js';

/** A request to a lease driver. Two requests with the same `name` are for the same lease. Times are milliseconds. */
export interface LeaseRequest {
  /** The name as the user gave it. The driver decides how to store it. */
  readonly name: string;
  /** How long the lease is to last unless it is renewed. */
  readonly ttl: number;
  /**
   * The number of holders that this request admits, itself included; 1 for an exclusive lease. A driver without
   * {@link LeaseDriver.permits} only ever receives 1.
   *
   * The rule for all requests of one name: a request is granted when the holders and it together are at most as many as
   * the smallest `permits` among them. So an exclusive holder is alone, whatever the others admit. A driver with an
   * order of arrival counts the requests that came before as holders.
   */
  readonly permits: number;
  /** Text about this holder that others may read. */
  readonly label: string | undefined;
  /** The clock of {@link LeaseGrant.validUntil}: monotonic, and it goes on while the machine sleeps. */
  now(): number;
  /** `acquire` calls this when it has to wait, and whenever it learns of another holder. */
  waiting(holders: readonly Holder[]): void;
}

/**
 * Why a driver ends a lease. `gone`: the engine has it no longer · `closed`: this process closed the driver, which
 * releases the lease.
 */
export type LeaseEnd = 'gone' | 'closed';

/**
 * A lease that was granted. It ends by `release`, or if it is not renewed in time. A driver may add what its fence needs:
 * `HeldLease` and `LeaseDriver` are generic in the grant.
 */
export interface LeaseGrant {
  /** The fencing token: for one name, greater than every token granted before, across restarts and loss of data too. */
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
   * lease is gone for good. Rejects if neither is known; the library then calls it again.
   *
   * A lease that has expired and that no other caller has acquired since may be renewed or be gone: both are right.
   * What must hold: the engine decides it in one step with the check that no other caller acquired the lease, the token
   * stays the same, and after `undefined` every later answer is `undefined`. `lease()` counts on no such renewal: its
   * signal has aborted by then, which is final.
   *
   * `signal` aborts when the answer would be too late. The call must then reject with its reason, even if the engine
   * never answers.
   */
  renew(signal: AbortSignal): Promise<number | undefined>;
  /**
   * Releases the lease, atomically with the check that it is still this lease; called once. Resolves to `false` if the
   * lease was already gone; a successor is not affected. Rejects if the result is not known; the lease then ends by its
   * ttl.
   *
   * `signal` aborts when nobody waits for the answer any more: after the ttl and 1.5 s, or after 1 s if the lease is
   * known to be lost. The call must then reject with its reason and send nothing further.
   */
  release(signal: AbortSignal): Promise<boolean>;
  /**
   * Calls `report` if the driver learns, between two renewals, that the lease has ended: why, and the error that told
   * it, if there is one. Returns a function that stops this.
   */
  onLost?(report: (reason: LeaseEnd, cause?: unknown) => void): () => void;
  /** A text that the engine keeps with the name, for `oncePer`. Absent if the driver keeps none. */
  readonly record?: LeaseRecord;
}

/** A text that an engine keeps with the name of a lease, after the lease has ended too. Only a holder uses it. */
export interface LeaseRecord {
  /** The text that the last holder wrote; `undefined` if none was written or it has been forgotten. */
  read(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Replaces the text, in one step with the check that this lease is still held. Resolves to `false`, and changes
   * nothing, if it is not. The engine forgets the text `keep` ms later, by its own clock; a little later is fine.
   */
  write(text: string, keep: number, signal: AbortSignal): Promise<boolean>;
}

/** What a driver reports to a waiter in {@link LeaseDriver.onRelease}. Every hint may be missed, late or false. */
export interface ReleaseHints {
  /** Another try may succeed now. Call it once when the hints begin, too: a release before that sent none. */
  wake(): void;
  /** The holder's lease ends at `at`, by {@link LeaseRequest.now}, unless it is renewed; replaces the hint before. */
  expires(at: number): void;
  /**
   * There will be no more hints, because of `error`. The waiter polls every 250 ms, or `pollEvery` if that is less, and
   * subscribes again after its next try.
   */
  fail(error: unknown): void;
}

/**
 * The mechanism behind leases. It implements *attempt*, *wait*, *renew* and *release*. The layers above it decide about
 * margins, renewal times, loss signals, timeouts and `fn`. It is not a `LockDriver`: it may grant a name while its
 * earlier holder is alive but late. `G` is its kind of grant.
 *
 * What every driver must do (the fixture's `verifyLeaseDriver` checks it):
 * - No other caller is granted the name before `validUntil` of the last grant or answered renewal, unless the holder
 *   released it.
 * - The tokens of a name strictly increase, also after the engine was restarted or has lost its data.
 * - A release or renewal that arrives too late does not affect a successor.
 * - Every call heeds its `signal`: it rejects with the signal's reason at once, even if the engine does not answer.
 *   `tryAcquire` and `acquire` leave nothing behind then. The cleanup may go on after that. A grant that arrives after
 *   the abort is released.
 * - When a holder's process ends in any way, the name can be granted again after at most its ttl.
 *
 * There are three ways to write one: `tryAcquire` alone, which is then called repeatedly; with `onRelease`, which says
 * when to call it again; or, for an order of arrival, with `orderedLeaseDriver` of `@oslo-concurrency/lockutils/drivers`,
 * which makes a driver of an engine's queue.
 */
export interface LeaseDriver<G extends LeaseGrant = LeaseGrant> {
  /** Distinguishes it from a strict driver, for the compiler and at run time. */
  readonly kind: 'lease';
  /** The driver's name in messages: `etcd`. */
  readonly name: string;
  /** Whether it grants a name to several holders at a time, by {@link LeaseRequest.permits}; `false` by default. */
  readonly permits?: boolean;
  /**
   * One attempt, which never waits for another holder. Resolves to a grant, or to `undefined` if another caller holds
   * the lease or comes first in the queue.
   */
  tryAcquire(request: LeaseRequest, signal: AbortSignal): Promise<G | undefined>;
  /** Waits for its turn, in the driver's order, until `signal` aborts. If absent, `tryAcquire` is called repeatedly. */
  acquire?(request: LeaseRequest, signal: AbortSignal): Promise<G>;
  /**
   * For drivers without `acquire`: gives hints about when to try again. Returns a function that stops them.
   *
   * A release wakes no herd: of all calls of a process that wait for one name at one driver, only the first one tries
   * and listens; the others follow it in order of arrival.
   */
  onRelease?(request: LeaseRequest, hints: ReleaseHints): () => void;
  /** For drivers without `acquire`: milliseconds between two tries that no hint triggered; 250 by default. */
  readonly pollEvery?: number;
  /** What two names have in common if they are the same lease; the name itself if absent. */
  keyOf?(name: string): string;
  /** The holders of the name now, as far as they are known. For messages only. */
  holders?(name: string): Promise<readonly Holder[]>;
  /**
   * Ends waits with an error, reports `closed` to the holders of leases, releases these and disconnects. Resolves when
   * nothing of this driver is left in the engine, or within the longest ttl + 2 s. Absent if there is nothing to close.
   */
  close?(): Promise<void>;
}
