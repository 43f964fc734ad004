import { type Clock, InvalidOptionError, registerOption, unknownOption } from '@oslo-concurrency/core';
import type { DriverName, LockDriver } from '../drivers/driver.js';
import { InvalidLockNameError } from '../errors.js';
import type { QueueCollection } from '../local/turn-registry.js';
import { isWellFormed } from '../lock-path/lock-path.js';
import type { Holder } from '../owner/holder.js';

declare module '@oslo-concurrency/core' {
  interface ConfigValues {
    /** The driver of external locks; all processes that share a lock path must use one. */
    lockDriver: DriverName;
  }
}

const driverNames: readonly DriverName[] = ['kernel', 'lockfile'];

registerOption<string>({
  name: 'lockDriver',
  type: 'string',
  default: 'kernel',
  help: 'The mechanism behind external locks. All processes that share a lock path must use the same.',
  env: 'OSLO_LOCK_DRIVER',
  expected: `one of ${driverNames.join(', ')}`,
  accepts: (value) => driverNames.includes(value as DriverName),
});

/** Gives the holders to `onWait` and to events. */
export interface WaitInfo {
  readonly name: string;
  readonly lockFile: string | undefined;
  /** Who holds an external lock now, as far as it can be known; asking costs a few system calls. */
  holders(): Promise<readonly Holder[]>;
}

/** Options of {@link lock} and everything made of it. Times are milliseconds. */
export interface LockOptions {
  /**
   * Hold between processes, by a lock file in the lock path; `false` by default: within this thread only. Must be given,
   * `true` or `false`, with `lockPath` or `driver`: those do nothing without it.
   */
  readonly external?: boolean | undefined;
  /**
   * Hold between the worker threads of this process; `false` by default: within this thread only. Needs no lock path: the
   * lock files lie in a private directory of the process. `external: true` holds between threads too. Not affected by
   * `disableProcessLocking`.
   */
  readonly threads?: boolean | undefined;
  /** Put in front of the lock file's name with one `-`: `nova` and `nova-` are the same. */
  readonly lockFilePrefix?: string | undefined;
  /** The directory of the lock file, instead of the configured one. It must exist. */
  readonly lockPath?: string | undefined;
  /** Exact order of arrival, across processes too; `false` lets a newcomer try once before it queues. */
  readonly fair?: boolean | undefined;
  /** Share with others that share; writers wait for them and they for writers, in order. */
  readonly shared?: boolean | undefined;
  /** Admit up to so many holders that ask by `permits`. All who use the name must give the same number. */
  readonly permits?: number | undefined;
  /** `false` rejects with {@link AcquireLockFailedError} instead of waiting. */
  readonly blocking?: boolean | undefined;
  /** Reject with {@link LockTimeoutError} when not granted in time; `Infinity` by default. */
  readonly timeout?: number | undefined;
  /** Abandon the wait; it rejects with `signal.reason`. Does nothing once granted. */
  readonly signal?: AbortSignal | undefined;
  /** Interval of the poll that sees what no hint tells: a killed holder, a Python peer. 50 by default. */
  readonly delay?: number | undefined;
  /** A collection of internal locks of its own: the same name in another one does not contend inside the process. */
  readonly semaphores?: QueueCollection | undefined;
  /** The mechanism of the external lock; the configured one by default. */
  readonly driver?: DriverName | LockDriver | undefined;
  /** What others shall read about this holder in their timeouts and in `lockutils ls`. */
  readonly label?: string | undefined;
  /** Remove the lock file when an exclusive holder releases it, unless others wait for it. */
  readonly removeOnRelease?: boolean | undefined;
  /** `false` keeps this call out of the log. */
  readonly doLog?: boolean | undefined;
  /** Called once when the lock is not free and the call starts to wait. */
  readonly onWait?: ((info: WaitInfo) => void) | undefined;
  /**
   * Say in the log, at level `warn`, and on the channel `overdue`, when the wait lasts longer than this, and when `fn`
   * holds the lock longer than this. Not by default.
   */
  readonly warnAfter?: number | undefined;
  /** `off` waits even where that looks like a deadlock inside this process; `detect` (default) throws. */
  readonly deadlock?: 'detect' | 'off' | undefined;
  /** The clock, for tests. */
  readonly clock?: Clock | undefined;
}

type Rule = readonly [expected: string, accepts: (value: unknown) => boolean];

const isFunction = (value: unknown): boolean => typeof value === 'function';
const boolean: Rule = ['a boolean', (value) => typeof value === 'boolean'];
const text: Rule = ['a string', (value) => typeof value === 'string'];

const rules: { readonly [option in keyof Required<LockOptions>]: Rule } = {
  external: boolean,
  threads: boolean,
  lockFilePrefix: ['a string, well-formed', (value) => typeof value === 'string' && isWellFormed(value)],
  lockPath: [
    'a well-formed path without NUL',
    (value) => typeof value === 'string' && !value.includes('\0') && isWellFormed(value),
  ],
  fair: boolean,
  shared: boolean,
  permits: [
    'a whole number from 1 to 10000',
    (value) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 10_000,
  ],
  blocking: boolean,
  timeout: ['a number of milliseconds from 0 to Infinity', (value) => typeof value === 'number' && value >= 0],
  // By shape: test environments bring AbortSignals of another realm.
  signal: [
    'an AbortSignal',
    (value) =>
      isFunction((value as AbortSignal | null)?.addEventListener) &&
      isFunction((value as AbortSignal | null)?.throwIfAborted),
  ],
  delay: [
    'a number of milliseconds from 1 to 60000',
    (value) => typeof value === 'number' && value >= 1 && value <= 60_000,
  ],
  semaphores: ['a Semaphores collection', (value) => isFunction((value as QueueCollection | null)?.registry?.open)],
  driver: [
    "'kernel', 'lockfile', or an object with tryAcquire and holders",
    (value) =>
      value === 'kernel' ||
      value === 'lockfile' ||
      (isFunction((value as LockDriver | null)?.tryAcquire) && isFunction((value as LockDriver | null)?.holders)),
  ],
  label: text,
  removeOnRelease: boolean,
  doLog: boolean,
  onWait: ['a function', isFunction],
  warnAfter: ['a number of milliseconds, 0 or more', (value) => typeof value === 'number' && value >= 0],
  deadlock: ["'detect' or 'off'", (value) => value === 'detect' || value === 'off'],
  clock: [
    'an object with now and schedule',
    (value) => isFunction((value as Clock | null)?.now) && isFunction((value as Clock | null)?.schedule),
  ],
};

/** Whether `lock()` has an option of this name. */
export function isLockOption(name: string): boolean {
  return Object.hasOwn(rules, name);
}

/** Throws for the first option that is unknown, of a wrong type or out of range, or does not go with another. */
export function checkLockOptions(name: unknown, options: unknown): asserts options is LockOptions {
  if (typeof name !== 'string') throw new InvalidOptionError('name', 'a string', name);
  if (name === '') throw new InvalidLockNameError(name, 'empty');
  if (!isWellFormed(name)) throw new InvalidLockNameError(name, 'not-well-formed');
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const option in options) {
    const value = (options as { [option: string]: unknown })[option];
    if (value === undefined) continue;
    const rule = rules[option as keyof LockOptions];
    if (rule === undefined) throw unknownOption(option, Object.keys(rules), options);
    if (!rule[1](value)) throw new InvalidOptionError(option, rule[0], value);
  }
  const given = options as LockOptions;
  if (given.shared === true && given.permits !== undefined) {
    throw new InvalidOptionError('permits', 'absent with shared: true', given.permits);
  }
  if (given.blocking === false && given.timeout !== undefined && given.timeout !== 0) {
    throw new InvalidOptionError('timeout', 'absent with blocking: false', given.timeout);
  }
}

/**
 * Throws when an option that makes sense between processes is given to a call that does not say whether it is for them:
 * the lock would hold within this thread only, and two processes would be in at once.
 */
export function checkScope({ external, threads, lockPath, driver }: LockOptions): void {
  if (external !== undefined) return;
  const of = (option: string): string =>
    `true where ${option} is given, or false to say that the lock is for this thread only`;
  if (lockPath !== undefined && lockPath !== '') throw new InvalidOptionError('external', of('lockPath'), external);
  if (driver !== undefined && threads !== true) throw new InvalidOptionError('external', of('driver'), external);
}
