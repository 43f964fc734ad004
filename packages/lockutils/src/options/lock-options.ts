import { type Clock, InvalidOptionError, registerOption } from '@oslo-concurrency/core';
import type { DriverName, LockDriver } from '../drivers/driver.js';
import { InvalidLockNameError } from '../errors/lock-path-errors.js';
import type { QueueCollection } from '../local/turn-registry.js';
import { isWellFormed } from '../lock-path/lock-path.js';
import type { Holder } from '../owner/holder.js';
import { boolean, checkOptions, commonRules, isBetween, isFunction, type Rules } from './option-rules.js';

declare module '@oslo-concurrency/core' {
  interface ConfigValues {
    /** The driver of external locks. All processes that share a lock path must use the same driver. */
    lockDriver: DriverName;
  }
}

const driverNames: readonly DriverName[] = ['kernel', 'lockfile'];

registerOption<string>({
  name: 'lockDriver',
  type: 'string',
  default: 'kernel',
  help: 'The mechanism behind external locks. All processes that share a lock path must use the same driver.',
  env: 'OSLO_LOCK_DRIVER',
  expected: `one of ${driverNames.join(', ')}`,
  accepts: (value) => driverNames.includes(value as DriverName),
});

/** Passed to `onWait` and to events; gives access to the holders. */
export interface WaitInfo {
  readonly name: string;
  readonly lockFile: string | undefined;
  /** The holders of an external lock now, as far as they are known. The call costs a few system calls. */
  holders(): Promise<readonly Holder[]>;
}

/** Options of {@link lock} and of the functions built on it. Times are milliseconds. */
export interface LockOptions {
  /**
   * Exclude other processes, by a lock file in the lock path. Otherwise the lock holds within this thread only. With
   * `lockPath` or `driver`, the caller must state `external`, because they have no effect without it.
   * @defaultValue `false`
   */
  readonly external?: boolean | undefined;
  /**
   * Exclude other worker threads of this process. Needs no lock path: the lock files lie in a private directory of
   * the process. `external: true` also excludes other threads. `disableProcessLocking` does not affect this option.
   * @defaultValue `false`
   */
  readonly threads?: boolean | undefined;
  /**
   * Prefix of the lock file's name, followed by one `-`: `nova` and `nova-` mean the same.
   * @defaultValue none
   */
  readonly lockFilePrefix?: string | undefined;
  /**
   * The directory of the lock file. It must exist.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string | undefined;
  /**
   * Grant in exact order of arrival, across processes too. With `false`, a process may acquire the lock again before
   * the processes that wait, until its turn of at most 8 ms has ended; no waiter starves (lockfile driver: 12 ms, on Linux).
   * Refused where the driver keeps no order: a driver of your own without `joinQueue`.
   * @defaultValue `false`
   */
  readonly fair?: boolean | undefined;
  /**
   * Share the lock with other callers that ask for it shared. Readers and writers wait for each other in order of
   * arrival.
   * @defaultValue `false`
   */
  readonly shared?: boolean | undefined;
  /**
   * Admit at most this many holders at a time. All callers of the name must give the same number.
   * @defaultValue none: one holder at a time
   */
  readonly permits?: number | undefined;
  /**
   * `false` rejects with {@link AcquireLockFailedError} instead of waiting. It takes some 15 ms to see that others wait.
   * @defaultValue `true`
   */
  readonly blocking?: boolean | undefined;
  /**
   * Reject with {@link LockTimeoutError} if the lock is not granted in time.
   * @defaultValue `Infinity`
   */
  readonly timeout?: number | undefined;
  /**
   * Abort the wait: the call rejects with `signal.reason`. Has no effect once the lock is granted.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Polling interval for events without notification: a killed holder, a Python peer. Far back in a queue, 4 times that.
   * @defaultValue `50`
   */
  readonly delay?: number | undefined;
  /**
   * A separate collection of internal locks. Inside the process, the same name in another collection does not
   * contend.
   * @defaultValue one collection for all of the process
   */
  readonly semaphores?: QueueCollection | undefined;
  /**
   * The mechanism of the external lock.
   * @defaultValue the configured driver: `'kernel'`
   */
  readonly driver?: DriverName | LockDriver | undefined;
  /**
   * Text about this holder that other processes see in their timeout errors and in `lockutils ls`.
   * @defaultValue none
   */
  readonly label?: string | undefined;
  /**
   * Remove the lock file when an exclusive holder releases it, unless another caller waits for it.
   * @defaultValue `false`
   */
  readonly removeOnRelease?: boolean | undefined;
  /**
   * `false` keeps this call out of the log.
   * @defaultValue `true`
   */
  readonly doLog?: boolean | undefined;
  /**
   * Called once if the lock is not free and the call starts to wait.
   * @defaultValue none
   */
  readonly onWait?: ((info: WaitInfo) => void) | undefined;
  /**
   * Report in the log, at level `warn`, and on the channel `overdue`, if the wait lasts longer than this, and if `fn`
   * holds the lock longer than this.
   * @defaultValue off
   */
  readonly warnAfter?: number | undefined;
  /**
   * `detect` throws if the wait looks like a deadlock inside this process. `off` waits even then.
   * @defaultValue `'detect'`
   */
  readonly deadlock?: 'detect' | 'off' | undefined;
  /**
   * The clock, for tests.
   * @defaultValue `systemClock`
   */
  readonly clock?: Clock | undefined;
}

const rules: Rules<LockOptions> = {
  ...commonRules,
  external: boolean,
  threads: boolean,
  lockFilePrefix: ['a string, well-formed', (value) => typeof value === 'string' && isWellFormed(value)],
  lockPath: [
    'a well-formed path without NUL',
    (value) => typeof value === 'string' && !value.includes('\0') && isWellFormed(value),
  ],
  fair: boolean,
  shared: boolean,
  delay: ['a number of milliseconds from 1 to 60000', (value) => isBetween(value, 1, 60_000)],
  semaphores: ['a Semaphores collection', (value) => isFunction((value as QueueCollection | null)?.registry?.open)],
  driver: [
    "'kernel', 'lockfile', or an object with tryAcquire and holders",
    (value) =>
      value === 'kernel' ||
      value === 'lockfile' ||
      (isFunction((value as LockDriver | null)?.tryAcquire) && isFunction((value as LockDriver | null)?.holders)),
  ],
  removeOnRelease: boolean,
  doLog: boolean,
  warnAfter: ['a number of milliseconds, 0 or more', (value) => isBetween(value, 0, Number.POSITIVE_INFINITY)],
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

/** Throws for the first option that is unknown, has a wrong type, is out of range, or contradicts another option. */
export function checkLockOptions(name: unknown, options: unknown): asserts options is LockOptions {
  if (typeof name !== 'string') throw new InvalidOptionError('name', 'a string', name);
  if (name === '') throw new InvalidLockNameError(name, 'empty');
  if (!isWellFormed(name)) throw new InvalidLockNameError(name, 'not-well-formed');
  checkOptions<LockOptions>(options, rules);
  if (options.shared === true && options.permits !== undefined) {
    throw new InvalidOptionError('permits', 'absent with shared: true', options.permits);
  }
}

/**
 * Throws if the caller gives an option that only matters between processes, but does not state `external`. Otherwise
 * the lock would hold within this thread only, and two processes could hold it at once.
 */
export function checkScope({ external, threads, lockPath, driver }: LockOptions): void {
  if (external !== undefined) return;
  const of = (option: string): string => `true where ${option} is given, or false if the lock is for this thread only`;
  if (lockPath !== undefined && lockPath !== '') throw new InvalidOptionError('external', of('lockPath'), external);
  if (driver !== undefined && threads !== true) throw new InvalidOptionError('external', of('driver'), external);
}
