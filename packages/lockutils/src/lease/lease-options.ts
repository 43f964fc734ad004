import { InvalidOptionError } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseGrant } from '../drivers/lease-driver.js';
import { isWellFormed } from '../lock-path/lock-path.js';
import { checkOptions, commonRules, isBetween, isFunction, type Rules } from '../options/option-rules.js';
import type { Holder } from '../owner/holder.js';
import { leaseMargin } from './lease-term.js';

/** The argument of `onWait`. */
export interface LeaseWaitInfo {
  readonly name: string;
  /** The holders of the lease, as far as they are known. The call may cost a request to the server. */
  holders(): Promise<readonly Holder[]>;
}

/** Options of `lease`. Times are milliseconds. */
export interface LeaseOptions<G extends LeaseGrant = LeaseGrant> {
  /** The mechanism, such as `etcdLeaseDriver(...)` of `@oslo-concurrency/lockutils-etcd`. */
  readonly driver: LeaseDriver<G>;
  /**
   * How long the lease lasts without renewal; at least 200. If this process dies or is cut off, other callers are
   * granted the lease after this time. For about as long the process may be cut off or blocked without losing the
   * lease. 15,000 suits most uses.
   */
  readonly ttl: number;
  /**
   * The number of holders at a time, at most 10,000. All callers should give the same number for a name. If they
   * differ, the smallest number among the holders and the newcomer counts. Needs a driver with permits.
   * @defaultValue `1`
   */
  readonly permits?: number | undefined;
  /**
   * The time between two renewals.
   * @defaultValue a third of `ttl`
   */
  readonly renewEvery?: number | undefined;
  /**
   * Rejects with a `LeaseTimeoutError` after this time; 0 makes one attempt.
   * @defaultValue `Infinity`
   */
  readonly timeout?: number | undefined;
  /**
   * Aborts the wait; the call rejects with the signal's reason. Does not affect a lease that was granted.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * `false` makes one attempt and rejects with a `LeaseNotAcquiredError` if the lease is not free.
   * @defaultValue `true`
   */
  readonly blocking?: boolean | undefined;
  /**
   * Called once if the call has to wait.
   * @defaultValue none
   */
  readonly onWait?: ((info: LeaseWaitInfo) => void) | undefined;
  /**
   * Text about this holder that others can read.
   * @defaultValue none
   */
  readonly label?: string | undefined;
}

/** {@link LeaseOptions} with defaults filled in. */
export interface LeaseSettings<G extends LeaseGrant = LeaseGrant> extends LeaseOptions<G> {
  readonly permits: number;
  /** Called whenever the driver reports holders while the call waits; for `lead`. */
  readonly onHolders?: (holders: readonly Holder[]) => void;
  readonly renewEvery: number;
  readonly timeout: number;
  readonly blocking: boolean;
}

const longestTtl = 2 ** 31 - 1;

const rules: Rules<LeaseOptions> = {
  ...commonRules,
  driver: [
    'a lease driver (a strict driver is for lock())',
    (value) => (value as LeaseDriver | null)?.kind === 'lease' && isFunction((value as LeaseDriver).tryAcquire),
  ],
  ttl: [`a number of milliseconds from 200 to ${longestTtl}`, (value) => isBetween(value, 200, longestTtl)],
  renewEvery: ['a number of milliseconds, 1 or more', (value) => isBetween(value, 1, longestTtl)],
};

/** @throws InvalidOptionError for the first option that is wrong. */
export function leaseSettings<G extends LeaseGrant>(name: unknown, options: LeaseOptions<G>): LeaseSettings<G> {
  if (typeof name !== 'string' || name === '' || name.includes('\0') || !isWellFormed(name)) {
    throw new InvalidOptionError('name', 'a well-formed string that is not empty and has no NUL', name);
  }
  checkOptions<LeaseOptions<G>>(options, rules);
  for (const required of ['driver', 'ttl'] as const) {
    if (options[required] === undefined) throw new InvalidOptionError(required, rules[required][0], undefined);
  }
  const { driver, permits = 1 } = options;
  if (permits > 1 && driver.permits !== true) {
    const expected = `1: the lease driver ${driver.name} grants a name to one holder at a time`;
    throw new InvalidOptionError('permits', expected, permits);
  }
  const { ttl, renewEvery = ttl / 3, timeout = Number.POSITIVE_INFINITY, blocking = true } = options;
  const longestRenewal = ttl - leaseMargin(ttl);
  if (renewEvery >= longestRenewal) {
    const expected = `less than ${longestRenewal} ms, which is ttl less its margin`;
    throw new InvalidOptionError('renewEvery', expected, renewEvery);
  }
  return { ...options, permits, renewEvery, timeout, blocking };
}
