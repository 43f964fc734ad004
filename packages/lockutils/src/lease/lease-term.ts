import type { LeaseLossReason } from './errors.js';
import type { LeaseClock } from './lease-clock.js';

/** Why a lease has ended by the clock. */
export interface TermEnd {
  readonly reason: LeaseLossReason;
  readonly cause?: unknown;
}

/**
 * How long a lease lasts by the clock: until a margin before the end that the driver promised. Renewals extend it.
 *
 * Only an answered renewal moves `deadline`, to a value counted from before its request was sent.
 */
export class LeaseTerm {
  readonly #clock: LeaseClock;
  readonly #ttl: number;
  readonly #renewEvery: number;
  #deadline: number;
  /** When the current or last renewal began, and how much sleep the clock had counted by then. */
  #renewalBegun: number;
  #skippedBefore: number;
  /** No renewal begins before this moment. */
  #soonest = Number.NEGATIVE_INFINITY;
  #renewing = false;
  #renewalFailure: unknown;

  /** Times are milliseconds; `validUntil` is a time of the clock. */
  constructor(clock: LeaseClock, ttl: number, renewEvery: number, validUntil: number) {
    this.#clock = clock;
    this.#ttl = ttl;
    this.#renewEvery = renewEvery;
    this.#renewalBegun = clock.now();
    this.#skippedBefore = clock.skipped;
    this.#deadline = this.#deadlineOf(validUntil);
  }

  /** From this moment of the clock on, nothing may be done under the lease. */
  get deadline(): number {
    return this.#deadline;
  }

  /** Milliseconds until the deadline, less than 0 after it. */
  get left(): number {
    return this.#deadline - this.#clock.now();
  }

  /**
   * Milliseconds until a renewal is due: `renewEvery` after the term began, which is when its request was sent and not
   * when the answer arrived. If the answer took long, less of the term is left, and the renewal is due sooner.
   *
   * If the driver grants more than requested, the lease is renewed as if it had not. If the driver answers at once and
   * grants less than requested, the next renewal follows after a twentieth of the ttl, not in a tight loop.
   */
  untilRenewal(): number {
    const whole = this.#ttl - leaseMargin(this.#ttl);
    const due = this.left - (whole - this.#renewEvery);
    return Math.max(0, this.#soonest - this.#clock.now(), Math.min(this.#renewEvery, due));
  }

  /** The last renewal's error, if it failed. */
  get renewalFailure(): unknown {
    return this.#renewalFailure;
  }

  renewalBegins(): void {
    this.#renewalBegun = this.#clock.now();
    this.#skippedBefore = this.#clock.skipped;
    this.#soonest = this.#renewalBegun + Math.min(this.#renewEvery, this.#ttl / 20);
    this.#renewing = true;
  }

  renewalFailed(error: unknown): void {
    this.#renewalFailure = error;
  }

  /** Accepts the driver's new promise. Returns whether it extends the term. */
  renewed(validUntil: number): boolean {
    this.#renewalFailure = undefined;
    const deadline = this.#deadlineOf(validUntil);
    if (deadline <= this.#deadline) return false;
    this.#deadline = deadline;
    return true;
  }

  renewalEnds(): void {
    this.#renewing = false;
  }

  /** Why the term has ended; `undefined` while it lasts. */
  end(): TermEnd | undefined {
    const now = this.#clock.now();
    if (now < this.#deadline) return undefined;
    const slept = this.#clock.skipped - this.#skippedBefore;
    const late = now - slept - this.#renewalBegun > this.#renewEvery && !this.#renewing;
    if (slept > 0 && now - slept < this.#deadline) return { reason: 'slept' };
    if (late && this.#renewalFailure === undefined) return { reason: 'blocked' };
    return { reason: 'unreachable', cause: this.#renewalFailure ?? this.#unanswered(now) };
  }

  #unanswered(now: number): Error | undefined {
    if (!this.#renewing) return undefined;
    return new Error(
      `the renewal that began ${Math.round(now - this.#renewalBegun)} ms earlier had not been answered yet`,
    );
  }

  /**
   * A margin before `validUntil`. The margin is based on the time that the driver granted, which may be more than
   * requested.
   */
  #deadlineOf(validUntil: number): number {
    return validUntil - leaseMargin(Math.max(this.#ttl, validUntil - this.#renewalBegun));
  }
}

/**
 * How long before its end the holder gives up a lease of `ttl` ms: a tenth of the ttl, at least 100 ms.
 *
 * Why that is enough: the end is counted from before the request was sent, so network and server delays are already on
 * the safe side. The margin covers the rest: (1) the difference in rate between two machines' clocks, some 0.05 % for
 * bad quartz, a few per cent for a clock that is being slewed; (2) the 50 ms that the lease clock may overlook; (3) the
 * time between the abort and the last effect of code that obeys it.
 */
export function leaseMargin(ttl: number): number {
  return Math.max(100, ttl / 10);
}
