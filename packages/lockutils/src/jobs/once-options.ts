import { InvalidOptionError, unknownOption } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseGrant } from '../drivers/lease-driver.js';
import { leaseSettings } from '../lease/lease-options.js';
import { isWellFormed } from '../lock-path/lock-path.js';

/** Options of `oncePer`. Times are milliseconds. */
export interface OncePerOptions<G extends LeaseGrant = LeaseGrant> {
  /**
   * The lease driver, which must keep records; without one, the processes of this machine meet in the lock path.
   * @defaultValue none
   */
  readonly driver?: LeaseDriver<G> | undefined;
  /**
   * How long others wait when the process that runs dies; with `driver` only, which needs it.
   * @defaultValue none
   */
  readonly ttl?: number | undefined;
  /**
   * What a run means that began and whose end was not recorded, because its process died or lost its lease: `skip` counts
   * it as the one run of the tick; `again` runs once more, perhaps while the earlier run still goes on. Must be chosen.
   */
  readonly afterCrash: 'skip' | 'again';
  /**
   * How long a tick is remembered after it was run; at least a second.
   * @defaultValue a week
   */
  readonly keep?: number | undefined;
  /**
   * Rejects with a timeout error if another process still runs the tick after this time.
   * @defaultValue `Infinity`
   */
  readonly timeout?: number | undefined;
  /**
   * Aborts the wait. Does not abort a run.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Text about this process that others can read.
   * @defaultValue none
   */
  readonly label?: string | undefined;
  /**
   * The lock path, without `driver`.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string | undefined;
}

const known = ['driver', 'ttl', 'afterCrash', 'keep', 'timeout', 'signal', 'label', 'lockPath'];
const week = 7 * 24 * 3_600_000;
const longestKeep = 366 * 24 * 3_600_000;

/** The tick as a string, and for how long it is kept. @throws InvalidOptionError for the first value that is wrong. */
export function checkOncePer<G extends LeaseGrant>(
  name: unknown,
  tick: unknown,
  options: OncePerOptions<G>,
  fn: unknown,
): { readonly tick: string; readonly keep: number } {
  if (typeof name !== 'string' || name === '') throw new InvalidOptionError('name', 'a string that is not empty', name);
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const option of Object.keys(options)) if (!known.includes(option)) throw unknownOption(option, known, options);
  const { driver, ttl, afterCrash, keep = week, timeout, signal, label, lockPath } = options;
  if (afterCrash !== 'skip' && afterCrash !== 'again') {
    throw new InvalidOptionError('afterCrash', "'skip' or 'again'", afterCrash);
  }
  if (!(typeof keep === 'number' && keep >= 1000 && keep <= longestKeep)) {
    throw new InvalidOptionError('keep', `a number of milliseconds from 1000 to ${longestKeep}`, keep);
  }
  if (driver === undefined && ttl !== undefined) {
    throw new InvalidOptionError('ttl', 'absent without a lease driver: the lock of one machine does not expire', ttl);
  }
  if (driver !== undefined && lockPath !== undefined) {
    throw new InvalidOptionError('lockPath', 'absent with a lease driver', lockPath);
  }
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const text = tickText(tick);
  if (driver !== undefined) leaseSettings(`${name}@${text}`, { driver, ttl: ttl as number, timeout, signal, label });
  return { tick: text, keep };
}

function tickText(tick: unknown): string {
  const isDate = Object.prototype.toString.call(tick) === '[object Date]';
  if (isDate && !Number.isNaN((tick as Date).getTime())) return (tick as Date).toISOString();
  if (typeof tick === 'string' && tick !== '' && !tick.includes('\0') && isWellFormed(tick)) return tick;
  throw new InvalidOptionError('tick', 'a valid date, or a string that is not empty', tick);
}
