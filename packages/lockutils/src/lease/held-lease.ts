import { getLogger, realTime } from '@oslo-concurrency/core';
import type { LeaseGrant } from '../drivers/lease-driver.js';
import { answeredWithin, unlessAborted } from '../local/settle-once.js';
import { type LeaseLossReason, LeaseLostError, LeaseUnansweredError } from './errors.js';
import type { LeaseClock } from './lease-clock.js';
import { LeaseTerm, leaseMargin } from './lease-term.js';
import { readingThrough } from './reading-signal.js';

declare const leaseBrand: unique symbol;

/** What {@link HeldLease} needs in addition to the grant. For `lease`. */
export interface HeldLeaseOptions {
  readonly name: string;
  /** Milliseconds. */
  readonly ttl: number;
  /** Milliseconds between two renewals. */
  readonly renewEvery: number;
  readonly waitedMs: number;
  readonly clock: LeaseClock;
  /** Called once, when the lease is lost. */
  readonly onLost?: (error: LeaseLostError) => void;
  /** Called once, when the lease was released. */
  readonly onReleased?: () => void;
}

/**
 * A lease that is held until `release`, or until it is lost: then `signal` aborts with a {@link LeaseLostError}.
 *
 * The signal aborts a margin *before* another caller can be granted the lease. `signal.aborted` and `assertHeld()` read
 * the clock when they are called, so they are right even if the event loop was blocked or the machine slept. A lease is
 * not a lock: code that goes on after the abort can overlap with a successor. Therefore no function that expects a lock
 * accepts a lease. The lease renews itself, which keeps the process alive until the lease is released. `lease` creates
 * it. `G` is the driver's kind of grant, so that the fence of one engine takes only leases of that engine.
 */
export class HeldLease<G extends LeaseGrant = LeaseGrant> implements AsyncDisposable {
  /** Makes leases and locks different types, whatever members they have. */
  declare readonly [leaseBrand]: 'lease';
  readonly name: string;
  /**
   * Greater than the token of every earlier holder of the name. The resource that you write to should refuse a smaller
   * one.
   */
  readonly fencingToken: bigint;
  /** How long the call waited, in milliseconds. */
  readonly waitedMs: number;
  /** The driver's grant, for functions that come with a driver. A release through the grant would go unnoticed here. */
  readonly grant: G;

  readonly #options: HeldLeaseOptions;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #term: LeaseTerm;
  #renewal: Promise<void> | undefined;
  #lost: LeaseLostError | undefined;
  #released: Promise<void> | undefined;
  readonly #cancel = new Map<'deadline' | 'renewal' | 'tick' | 'driver', () => void>();

  /**
   * Why no code under a lease can meet a successor, as long as it obeys `signal`:
   * - The driver promises that no other caller is granted the lease before `validUntil`. The deadline of the term is a
   *   margin before that.
   * - Only an answered renewal moves the deadline. An answer that arrives after the deadline moves nothing: the signal
   *   has aborted, and that is final.
   * - A timer aborts the signal at the deadline. While the loop is blocked, neither our code nor the user's code runs.
   *   When the loop continues, the user's code may run before the timer. Therefore everything a user can read here
   *   (`signal.aborted`, `throwIfAborted`, `assertHeld`) first compares the clock with the deadline.
   * - A sleep moves the clock but no timer. Each reading takes the sleep into account, and a periodic tick notifies the
   *   listeners.
   *
   * One case remains: code that read "held" and is stopped before it acts. No clock can help there; the token can.
   */
  constructor(grant: G, options: HeldLeaseOptions) {
    this.grant = grant;
    this.name = options.name;
    this.fencingToken = grant.token;
    this.waitedMs = options.waitedMs;
    this.#options = options;
    this.#signal = readingThrough(this.#abort.signal, () => this.#check());
    this.#term = new LeaseTerm(options.clock, options.ttl, options.renewEvery, grant.validUntil);
    const stop = grant.onLost?.((reason, cause) => this.#lose(reason === 'closed' ? reason : 'gone', cause));
    if (stop !== undefined) this.#cancel.set('driver', stop);
    this.#armDeadline();
    this.#armTick();
    this.#armRenewal(this.#term.untilRenewal());
  }

  /** Aborts when the lease is lost, with a {@link LeaseLostError} as its reason. Does not abort on release. */
  get signal(): AbortSignal {
    this.#check();
    return this.#signal;
  }

  /** Whether `release` was called. */
  get released(): boolean {
    return this.#released !== undefined;
  }

  /** Milliseconds until `signal` aborts if no renewal succeeds; 0 if the lease is lost or released. */
  get remaining(): number {
    return this.#check() && this.#released === undefined ? this.#term.left : 0;
  }

  /** The same as wall clock time in milliseconds since 1970; for people, because a wall clock can be set. */
  get expiresAt(): number {
    return realTime.date() + this.remaining;
  }

  /** Throws unless the lease is held at this moment. @throws LeaseLostError, also after a release. */
  assertHeld(): void {
    if (this.#released !== undefined || !this.#check()) throw this.#lost ?? this.#lossError('released');
  }

  /** Renews now. If that fails, rejects with the driver's error; the lease is still held then, until it is lost. */
  async renew(): Promise<void> {
    this.assertHeld();
    // If the driver never answers, the caller still stops waiting when the lease is lost.
    await unlessAborted(this.#renew(), this.#abort.signal);
    this.assertHeld();
  }

  /**
   * Releases the lease. Another call returns the same promise. Settles within ttl + 2 s, whatever the driver does.
   *
   * @throws LeaseLostError if the lease was lost before; a successor is not affected. The driver's error if the server
   * cannot be reached, LeaseUnansweredError if the driver does not answer: the lease then ends by its ttl.
   */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    this.#check();
    this.#stop();
    const { name, fencingToken: token, grant } = this;
    const { ttl, clock } = this.#options;
    // A lost lease need not be reported to the server. Removing what may be left of it is worth one second.
    const limit = this.#lost === undefined ? ttl + 1500 : 1000;
    const unanswered = new LeaseUnansweredError(name, 'release', limit, token);
    const answer = answeredWithin(
      (overdue) => grant.release(overdue),
      limit,
      clock,
      () => unanswered,
    );
    const wasThere = await answer.catch((error: unknown) => {
      if (this.#lost === undefined) {
        // This process has given it up, and it ends by its ttl.
        this.#options.onReleased?.();
        throw error;
      }
      // The loss is more important than the failure to reach the server.
      if (error === unanswered) getLogger().warn(unanswered.message);
      throw this.#lost;
    });
    if (this.#lost === undefined && !wasThere) this.#lose('gone');
    if (this.#lost !== undefined) throw this.#lost;
    this.#options.onReleased?.();
  }

  /** Whether the lease is held by the clock. If it is not, the signal has aborted when this returns. */
  #check(): boolean {
    if (this.#lost !== undefined) return false;
    // After the release, the time no longer matters. The release itself checked whether the lease was lost before.
    if (this.#released !== undefined) return true;
    const end = this.#term.end();
    if (end === undefined) return true;
    this.#lose(end.reason, end.cause);
    return false;
  }

  #lose(reason: LeaseLossReason, cause?: unknown): void {
    if (this.#lost !== undefined) return;
    const error = this.#lossError(reason, cause);
    this.#lost = error;
    this.#stop();
    getLogger().warn(error.message);
    this.#abort.abort(error);
    this.#options.onLost?.(error);
  }

  #lossError(reason: LeaseLossReason, cause?: unknown): LeaseLostError {
    return new LeaseLostError(this.name, this.fencingToken, reason, cause);
  }

  #stop(): void {
    for (const cancel of this.#cancel.values()) cancel();
    this.#cancel.clear();
  }

  #arm(what: 'deadline' | 'renewal' | 'tick', delay: number, action: () => void): void {
    this.#cancel.get(what)?.();
    this.#cancel.set(what, this.#options.clock.schedule(Math.max(0, delay), action));
  }

  #armDeadline(): void {
    this.#arm('deadline', this.#term.left, () => {
      // A timer may fire a fraction of a millisecond early.
      if (this.#check()) this.#armDeadline();
    });
  }

  #armTick(): void {
    this.#arm('tick', Math.min(250, leaseMargin(this.#options.ttl) / 2), () => {
      if (this.#check()) this.#armTick();
    });
  }

  #armRenewal(delay: number): void {
    this.#arm('renewal', delay, () => {
      if (!this.#check()) return;
      this.#renew().then(
        () => this.#armRenewalAfter(this.#term.untilRenewal()),
        (error: unknown) => {
          getLogger().warn(`Renewing the lease ${this.name} failed; trying again: ${String(error)}`);
          this.#armRenewalAfter(Math.min(this.#options.renewEvery, this.#options.ttl / 20));
        },
      );
    });
  }

  #armRenewalAfter(delay: number): void {
    if (this.#lost === undefined && this.#released === undefined) this.#armRenewal(delay);
  }

  /** One renewal. A caller that arrives while a renewal is under way shares it. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#attemptRenewal().finally(() => {
      this.#renewal = undefined;
      this.#term.renewalEnds();
    });
    return this.#renewal;
  }

  async #attemptRenewal(): Promise<void> {
    const term = this.#term;
    term.renewalBegins();
    const tooLate = new AbortController();
    const give = this.#options.clock.schedule(term.left, () =>
      tooLate.abort(this.#lossError('unreachable', term.renewalFailure)),
    );
    try {
      const validUntil = await this.grant.renew(tooLate.signal);
      if (this.#released !== undefined || !this.#check()) return;
      if (validUntil === undefined) return this.#lose('gone');
      if (term.renewed(validUntil)) this.#armDeadline();
    } catch (error) {
      term.renewalFailed(error);
      throw error;
    } finally {
      give();
    }
  }
}
