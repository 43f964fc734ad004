import { ConcurrencyError } from '@oslo-concurrency/core';

/**
 * `lockSync` would have to wait for something that this thread holds or waits for itself, and that cannot move while
 * the thread is stopped. Refused at once; nothing was queued.
 */
export class HeldByThisThreadError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_HELD_BY_THIS_THREAD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(
      `lockSync would stop this thread for ever: the thread itself holds the lock ${lockName}, or waits for it. Release it first, or wait with lock()`,
    );
    this.lockName = lockName;
  }
}
