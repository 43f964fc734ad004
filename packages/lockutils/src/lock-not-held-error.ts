import { ConcurrencyError } from '@oslo-concurrency/core';

/** `release()` of a lock object that does not hold its lock. Nothing was changed. fasteners: `ThreadError`. */
export class LockNotHeldError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_NOT_HELD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`The lock ${lockName} is not held by this object, so it cannot be released by it`);
    this.lockName = lockName;
  }
}
