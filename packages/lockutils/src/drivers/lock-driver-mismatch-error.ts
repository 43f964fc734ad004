import { ConcurrencyError } from '@oslo-concurrency/core';

/**
 * The lock path is used with another driver. Two drivers do not see each other's locks, so nothing was locked.
 *
 * One driver per lock path: give `driver` the same value in all processes, or another `lockPath`.
 */
export class LockDriverMismatchError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_DRIVER_MISMATCH';
  /** The lock path. */
  readonly path: string;
  /** The driver asked for. */
  readonly driver: string;
  /** The driver the lock path is marked with. */
  readonly markedWith: string;

  constructor(path: string, driver: string, markedWith: string, marker: string) {
    super(
      `The lock path ${path} is used with the driver ${markedWith}, not ${driver}: give driver: '${markedWith}' or another lock path; to change it for good, remove ${marker} while nothing uses the lock path`,
    );
    this.path = path;
    this.driver = driver;
    this.markedWith = markedWith;
  }
}
