import { InvalidOptionError, unknownOption } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseGrant } from '../drivers/lease-driver.js';
import { leaseSettings } from '../lease/lease-options.js';
import type { Holder } from '../owner/holder.js';

/** The process that leads, as `onLeader` receives it. */
export interface LeaderRecord extends Holder {
  /** Whether this call leads. */
  readonly self: boolean;
  /** The fencing token of this call's own term; absent for others, and on the kernel driver. */
  readonly fencingToken?: bigint;
}

/** Options of `lead`. Times are milliseconds. */
export interface LeadOptions<G extends LeaseGrant = LeaseGrant> {
  /**
   * The lease driver; without one, the processes of this machine elect their leader by an external lock.
   * @defaultValue none
   */
  readonly driver?: LeaseDriver<G> | undefined;
  /**
   * How long others wait when the leader dies; with `driver` only, which needs it.
   * @defaultValue none
   */
  readonly ttl?: number | undefined;
  /**
   * Ends the call: it resigns, if it leads, and resolves. Without it the call never ends by itself.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called when this call learns that another process, or itself, leads. What it throws is logged.
   * @defaultValue none
   */
  readonly onLeader?: ((leader: LeaderRecord) => void) | undefined;
  /**
   * Called with the error of `fn`, or of a failed campaign. Without it the error of `fn` ends the call.
   * @defaultValue none
   */
  readonly onError?: ((error: unknown) => void) | undefined;
  /**
   * The pause before the next campaign; doubles with each failure, up to 30 s.
   * @defaultValue `1000`
   */
  readonly backOff?: number | undefined;
  /**
   * Text about this candidate that others can read.
   * @defaultValue none
   */
  readonly label?: string | undefined;
  /**
   * The lock path, without `driver`.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string | undefined;
}

/** The longest pause between two campaigns, in milliseconds. */
export const longestBackOff = 30_000;

const known = ['driver', 'ttl', 'signal', 'onLeader', 'onError', 'backOff', 'label', 'lockPath'];

/** @throws InvalidOptionError for the first option that is wrong. */
export function checkLead<G extends LeaseGrant>(name: unknown, options: LeadOptions<G>, fn: unknown): LeadOptions<G> {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const option of Object.keys(options)) if (!known.includes(option)) throw unknownOption(option, known, options);
  for (const option of ['onLeader', 'onError'] as const) {
    const value = options[option];
    if (value !== undefined && typeof value !== 'function') throw new InvalidOptionError(option, 'a function', value);
  }
  const { driver, ttl, signal, label, lockPath, backOff } = options;
  if (backOff !== undefined && !(typeof backOff === 'number' && backOff >= 0 && backOff <= longestBackOff)) {
    throw new InvalidOptionError('backOff', `a number of milliseconds from 0 to ${longestBackOff}`, backOff);
  }
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw new InvalidOptionError('signal', 'an AbortSignal', signal);
  }
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  if (driver !== undefined && lockPath !== undefined) {
    throw new InvalidOptionError('lockPath', 'absent with a lease driver', lockPath);
  }
  if (driver === undefined && ttl !== undefined) {
    throw new InvalidOptionError('ttl', 'absent without a lease driver: the lock of one machine does not expire', ttl);
  }
  if (driver !== undefined) leaseSettings(name, { driver, ttl: ttl as number, label });
  return options;
}
