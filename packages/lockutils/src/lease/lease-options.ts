import { InvalidOptionError, unknownOption } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseGrant } from '../drivers/lease-driver.js';
import { isWellFormed } from '../lock-path/lock-path.js';
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
   * The number of holders at a time, at most 10,000; 1 by default. All callers should give the same number for a name.
   * If they differ, the smallest number among the holders and the newcomer counts. Needs a driver with permits.
   */
  readonly permits?: number | undefined;
  /** The time between two renewals; a third of `ttl` by default. */
  readonly renewEvery?: number | undefined;
  /** Rejects with a `LeaseTimeoutError` after this time; `Infinity` by default, 0 makes one attempt. */
  readonly timeout?: number | undefined;
  /** Aborts the wait; the call rejects with the signal's reason. Does not affect a lease that was granted. */
  readonly signal?: AbortSignal | undefined;
  /** `false` makes one attempt and rejects with a `LeaseNotAcquiredError` if the lease is not free. */
  readonly blocking?: boolean | undefined;
  /** Called once if the call has to wait. */
  readonly onWait?: ((info: LeaseWaitInfo) => void) | undefined;
  /** Text about this holder that others can read. */
  readonly label?: string | undefined;
}

/** {@link LeaseOptions} with defaults filled in. */
export interface LeaseSettings<G extends LeaseGrant = LeaseGrant> extends LeaseOptions<G> {
  readonly permits: number;
  readonly renewEvery: number;
  readonly timeout: number;
  readonly blocking: boolean;
}

const longestTtl = 2 ** 31 - 1;
const mostPermits = 10_000;

type Rule = readonly [expected: string, accepts: (value: unknown) => boolean];

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isBetween = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most;

const rules: { readonly [option in keyof Required<LeaseOptions>]: Rule } = {
  driver: [
    'a lease driver (a strict driver is for lock())',
    (value) => (value as LeaseDriver | null)?.kind === 'lease' && isFunction((value as LeaseDriver).tryAcquire),
  ],
  ttl: [`a number of milliseconds from 200 to ${longestTtl}`, (value) => isBetween(value, 200, longestTtl)],
  permits: [
    `a whole number from 1 to ${mostPermits}`,
    (value) => Number.isInteger(value) && isBetween(value, 1, mostPermits),
  ],
  renewEvery: ['a number of milliseconds, 1 or more', (value) => isBetween(value, 1, longestTtl)],
  timeout: ['a number of milliseconds from 0 to Infinity', (value) => isBetween(value, 0, Number.POSITIVE_INFINITY)],
  // Checks the shape: test environments bring AbortSignals of another realm.
  signal: ['an AbortSignal', (value) => isFunction((value as AbortSignal | null)?.addEventListener)],
  blocking: ['a boolean', (value) => typeof value === 'boolean'],
  onWait: ['a function', isFunction],
  label: ['a string', (value) => typeof value === 'string'],
};

/** @throws InvalidOptionError for the first option that is wrong. */
export function leaseSettings<G extends LeaseGrant>(name: unknown, options: LeaseOptions<G>): LeaseSettings<G> {
  if (typeof name !== 'string' || name === '' || name.includes('\0') || !isWellFormed(name)) {
    throw new InvalidOptionError('name', 'a well-formed string that is not empty and has no NUL', name);
  }
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', 'an object with driver and ttl', options);
  }
  for (const option of new Set([...Object.keys(options), 'driver', 'ttl'])) {
    const value = (options as unknown as { [option: string]: unknown })[option];
    if (value === undefined && option !== 'driver' && option !== 'ttl') continue;
    const rule = rules[option as keyof LeaseOptions];
    if (rule === undefined) throw unknownOption(option, Object.keys(rules), options);
    if (!rule[1](value)) throw new InvalidOptionError(option, rule[0], value);
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
  if (!blocking && options.timeout !== undefined && timeout !== 0) {
    throw new InvalidOptionError('timeout', 'absent with blocking: false', timeout);
  }
  return { ...options, permits, renewEvery, timeout, blocking };
}
