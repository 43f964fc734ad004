import { ConcurrencyError } from '@oslo-concurrency/core';
import { describeHolders } from '../errors/lock-errors.js';
import type { Holder } from '../owner/holder.js';

/**
 * Why a lease ended while it was held. `unreachable`: no renewal succeeded in time · `blocked`: the event loop was
 * blocked, so no renewal was sent · `slept`: the machine slept or its wall clock was set forward · `gone`: the driver
 * reports that the lease does not exist any more · `closed`: this process closed the driver · `released`: only when a
 * released handle is asked whether it holds the lease.
 */
export type LeaseLossReason = 'unreachable' | 'blocked' | 'slept' | 'gone' | 'closed' | 'released';

const lossAdvice: Record<LeaseLossReason, string> = {
  unreachable: 'it could not be renewed in time; look at the cause and at the network to the server',
  blocked: 'the event loop was blocked for longer than the lease lasts; split the work or raise ttl',
  slept: 'the machine slept, or its clock was set forward, for longer than the lease lasts',
  gone: 'it does not exist on the server any more: it expired there, or somebody deleted it',
  closed: 'this process closed the driver of the lease, which releases its leases; close it after the last of them',
  released: 'this holder has released it',
};

/**
 * The lease ended before its holder released it. Another caller may hold it now; everything that checks the fencing
 * token is still safe.
 */
export class LeaseLostError extends ConcurrencyError {
  override readonly name: string = 'LeaseLostError';
  readonly code = 'ERR_LEASE_LOST';
  readonly leaseName: string;
  readonly fencingToken: bigint;
  readonly reason: LeaseLossReason;

  constructor(leaseName: string, fencingToken: bigint, reason: LeaseLossReason, cause?: unknown) {
    super(`Lost the lease ${leaseName} (token ${fencingToken}): ${lossAdvice[reason]}`, { cause });
    this.leaseName = leaseName;
    this.fencingToken = fencingToken;
    this.reason = reason;
  }
}

/** The lease was not granted within `timeout` ms. Nothing is held. */
export class LeaseTimeoutError extends ConcurrencyError {
  override readonly name: string = 'LeaseTimeoutError';
  readonly code = 'ERR_LEASE_TIMEOUT';
  readonly leaseName: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** The holders when the driver last reported them; empty if unknown. */
  readonly holders: readonly Holder[];

  constructor(leaseName: string, timeout: number, holders: readonly Holder[]) {
    super(`Timed out after ${timeout} ms waiting for the lease ${leaseName}: ${describeHolders(holders)}`);
    this.leaseName = leaseName;
    this.timeout = timeout;
    this.holders = holders;
  }
}

/** The lease is not free and the caller did not want to wait (`blocking: false`). */
export class LeaseNotAcquiredError extends ConcurrencyError {
  override readonly name: string = 'LeaseNotAcquiredError';
  readonly code = 'ERR_LEASE_NOT_ACQUIRED';
  readonly leaseName: string;

  constructor(leaseName: string) {
    super(`The lease ${leaseName} is not free`);
    this.leaseName = leaseName;
  }
}

/**
 * The driver has not answered for longer than the lease lasts: its server or its mount is stuck.
 *
 * `acquire`: nothing is held; a late grant is released. `release`: the lease may still exist. Nobody renews it any
 * more, so it ends by its ttl.
 */
export class LeaseUnansweredError extends ConcurrencyError {
  override readonly name: string = 'LeaseUnansweredError';
  readonly code = 'ERR_LEASE_UNANSWERED';
  readonly leaseName: string;
  /** The operation that the driver was asked for. */
  readonly operation: 'acquire' | 'release';
  /** How long the call waited, in milliseconds. */
  readonly waited: number;
  /** The token of the lease that may be left behind. */
  readonly fencingToken: bigint | undefined;

  constructor(leaseName: string, operation: 'acquire' | 'release', waited: number, fencingToken?: bigint) {
    const left =
      operation === 'acquire'
        ? 'nothing is held, and a grant that still arrives is released'
        : `the lease itself (token ${fencingToken}) may be left behind; it is not renewed any more and ends by its ttl`;
    super(
      `The lease driver has not answered for ${Math.round(waited)} ms when it was asked to ${operation} the lease ` +
        `${leaseName}: ${left}; look at the server or the mount behind the driver`,
    );
    this.leaseName = leaseName;
    this.operation = operation;
    this.waited = waited;
    this.fencingToken = fencingToken;
  }
}

/** The answer took so long that nothing of `ttl` was left. The lease was released. */
export class LeaseTtlTooShortError extends ConcurrencyError {
  override readonly name: string = 'LeaseTtlTooShortError';
  readonly code = 'ERR_LEASE_TTL_TOO_SHORT';
  readonly leaseName: string;
  /** Milliseconds. */
  readonly ttl: number;

  constructor(leaseName: string, ttl: number) {
    super(
      `The lease ${leaseName} was granted too late: its ttl of ${ttl} ms, less the margin, was over ` +
        'when the answer came; raise ttl, or look at the network to the server',
    );
    this.leaseName = leaseName;
    this.ttl = ttl;
  }
}
