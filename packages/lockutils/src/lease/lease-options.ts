import { InvalidOptionError } from '@oslo-concurrency/core';
import type { Holder } from '../owner/holder.js';
import type { LeaseDriver } from './lease-driver.js';
import { leaseMargin } from './lease-margin.js';

/** Options of `lease`. Times are milliseconds. */
export interface LeaseOptions {
  /** The mechanism, such as `etcdLeaseDriver(...)` of `@oslo-concurrency/lockutils-etcd`. */
  readonly driver: LeaseDriver;
  /**
   * How long the lease lasts without renewal; at least 200. It is the time after which others get in when this process
   * dies or is cut off, and how long it may be cut off or blocked without losing the lease. 15,000 suits most uses.
   */
  readonly ttl: number;
  /** The time between two renewals; a third of `ttl` by default. */
  readonly renewEvery?: number;
  /** Gives up with a `LeaseTimeoutError` after so long; `Infinity` by default, 0 makes one attempt. */
  readonly timeout?: number;
  /** Gives up when it aborts, with its reason. Does not concern a lease that was granted. */
  readonly signal?: AbortSignal;
  /** `false` makes one attempt and fails with a `LeaseNotAcquiredError` when the lease is not free. */
  readonly blocking?: boolean;
  /** Called once, when it has to wait, with who is known to hold the lease. */
  readonly onWait?: (holders: readonly Holder[]) => void;
  /** What others can read about this holder. */
  readonly label?: string;
}

/** {@link LeaseOptions} with defaults filled in. */
export interface LeaseSettings extends LeaseOptions {
  readonly renewEvery: number;
  readonly timeout: number;
  readonly blocking: boolean;
}

const longestTtl = 2 ** 31 - 1;

/** @throws InvalidOptionError for the first thing that is wrong. */
export function leaseSettings(name: unknown, options: LeaseOptions): LeaseSettings {
  const demand = (valid: boolean, option: string, expected: string, received: unknown): void => {
    if (!valid) throw new InvalidOptionError(option, expected, received);
  };
  demand(typeof name === 'string' && name !== '' && !name.includes('\0'), 'name', 'a string that is not empty', name);
  demand(typeof options === 'object' && options !== null, 'options', 'an object with driver and ttl', options);
  const { driver, ttl, signal, onWait, label } = options;
  const { renewEvery = ttl / 3, timeout = Number.POSITIVE_INFINITY, blocking = true } = options;
  demand(
    typeof driver === 'object' && driver?.kind === 'lease' && typeof driver.tryAcquire === 'function',
    'driver',
    'a lease driver (a strict lock driver is for lock())',
    driver,
  );
  demand(isBetween(ttl, 200, longestTtl), 'ttl', `a number of milliseconds from 200 to ${longestTtl}`, ttl);
  const longestRenewal = ttl - leaseMargin(ttl);
  demand(
    isBetween(renewEvery, 1, longestRenewal - 1),
    'renewEvery',
    `a number of milliseconds from 1 to less than ${longestRenewal}, which is ttl less its margin`,
    renewEvery,
  );
  demand(
    typeof timeout === 'number' && timeout >= 0,
    'timeout',
    'a number of milliseconds from 0 to Infinity',
    timeout,
  );
  demand(typeof blocking === 'boolean', 'blocking', 'a boolean', blocking);
  demand(signal === undefined || signal instanceof AbortSignal, 'signal', 'an AbortSignal', signal);
  demand(onWait === undefined || typeof onWait === 'function', 'onWait', 'a function', onWait);
  demand(label === undefined || typeof label === 'string', 'label', 'a string', label);
  return { ...options, renewEvery, timeout, blocking };
}

function isBetween(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}
