import { ConcurrencyError } from '@oslo-concurrency/core';
import type { Holder } from '../owner/holder.js';

/** Describes the holders of a lock for an error message: `held by pid 42 (node deploy.js) on web1 since ...`. */
export function describeHolders(holders: readonly Holder[]): string {
  const [first, ...more] = holders;
  if (first === undefined) return 'holder unknown';
  const command = first.command === undefined ? '' : ` (${first.command})`;
  const label = first.label === undefined ? '' : ` "${first.label}"`;
  const host = first.host === undefined ? '' : ` on ${first.host}`;
  const since = first.since === undefined ? '' : ` since ${first.since.toISOString()}`;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `held by pid ${first.pid ?? 'unknown'}${command}${label}${host}${since}${others}`;
}

/**
 * The lock is not free and the caller did not want to wait (`blocking: false`). The message and `holders` name the
 * holders.
 *
 * oslo's counterpart: `AcquireLockFailedException`. The message begins with oslo's text.
 */
export class AcquireLockFailedError extends ConcurrencyError {
  override readonly name: string = 'AcquireLockFailedError';
  readonly code = 'ERR_LOCK_NOT_ACQUIRED';
  readonly lockName: string;
  /** The holders at that moment, as far as they are known; empty if none is known. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, holders: readonly Holder[] = [], options?: ErrorOptions) {
    super(`Failed to acquire the lock ${lockName}: ${describeHolders(holders)}`, options);
    this.lockName = lockName;
    this.holders = holders;
  }
}

/** The lock was not granted within `timeout` ms. The message and `holders` name the holders. */
export class LockTimeoutError extends ConcurrencyError {
  override readonly name: string = 'LockTimeoutError';
  readonly code = 'ERR_LOCK_TIMEOUT';
  readonly lockName: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** The holders when the timeout expired, as far as they are known; empty if none is known. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, timeout: number, holders: readonly Holder[]) {
    super(`Timed out after ${timeout} ms waiting for the lock ${lockName}: ${describeHolders(holders)}`);
    this.lockName = lockName;
    this.timeout = timeout;
    this.holders = holders;
  }
}

/** Facts about a lock that a call asks for inside the body that holds it. */
export interface NestedLock {
  /** Whether the body holds the lock shared and the call asks for it exclusively. */
  readonly shared?: boolean;
  /** The lock file that the body holds, if it is not the file that the call asks for. */
  readonly otherFile?: string | undefined;
}

/**
 * The wait could never end: the caller itself holds the lock, or the holder waits for the caller, directly or through
 * other waiters. The wait was ended.
 */
export class DeadlockError extends ConcurrencyError {
  override readonly name: string = 'DeadlockError';
  readonly code = 'ERR_DEADLOCK';
  /** The names on the cycle. The first and the last are the same. */
  readonly cycle: readonly string[];
  /** The processes on the cycle, this one first. Only this one if the cycle lies within it. */
  readonly pids: readonly number[];

  constructor(cycle: readonly string[], pids: readonly number[] = [process.pid], nested?: NestedLock) {
    const between = pids.length > 1 ? ` between the processes ${pids.join(', ')}` : '';
    super(nested === undefined ? `Deadlock${between}: ${cycle.join(' -> ')}; ${inOrder}` : nestedText(cycle, nested));
    this.cycle = cycle;
    this.pids = pids;
  }
}

const inOrder = 'each waits for the next while holding its own lock. Acquire them in one order, or with acquireAll';

function nestedText([name]: readonly string[], { shared, otherFile }: NestedLock): string {
  const asked = `Deadlock: the lock ${name} is asked for inside the body that holds it`;
  if (otherFile !== undefined) {
    return `${asked} as ${otherFile}; within a process a name is one lock, whatever its lock path and prefix, as in oslo.concurrency. Use two different names`;
  }
  if (shared) return `${asked} as a reader; call upgrade() of its handle instead`;
  return `${asked}; locks are not reentrant. Acquire it once, in the outermost function, or pass its handle on`;
}

/**
 * Another reader of the same lock already waits to become its writer, so each of the two would wait for the other. The
 * caller still holds the lock shared.
 */
export class UpgradeConflictError extends ConcurrencyError {
  override readonly name: string = 'UpgradeConflictError';
  readonly code = 'ERR_LOCK_UPGRADE_CONFLICT';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`Another reader already waits to upgrade the lock ${lockName}; release it and lock it exclusively instead`);
    this.lockName = lockName;
  }
}

/**
 * The lock could not be released. It counts as held until another `release()` succeeds.
 *
 * Exception: if the cause is a {@link LockLostError}, the holder had already lost the lock. Then nothing is held, and
 * another `release()` reports the same error again.
 */
export class LockReleaseError extends ConcurrencyError {
  override readonly name: string = 'LockReleaseError';
  readonly code = 'ERR_LOCK_RELEASE';
  readonly lockName: string;

  constructor(lockName: string, cause: unknown) {
    super(`Failed to release the lock ${lockName}: ${(cause as Error | undefined)?.message ?? cause}`, { cause });
    this.lockName = lockName;
  }
}

/**
 * The holder no longer held the lock when it released it: somebody had removed or replaced the lock's file by hand.
 * Another process may have held the lock in the meantime. The release left a successor's lock untouched.
 */
export class LockLostError extends ConcurrencyError {
  override readonly name: string = 'LockLostError';
  readonly code = 'ERR_LOCK_LOST';
  /** The lock file. */
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    super(
      `The lock ${path} was lost while it was held: its file was removed or replaced, so another process may hold it too. Remove the files of a lock path only with lockutils clean`,
      { cause },
    );
    this.path = path;
  }
}

/**
 * `lockSync` would have to wait for something that this thread itself holds or waits for. That could not change while
 * the thread is stopped. The call was refused at once; nothing was queued.
 */
export class HeldByThisThreadError extends ConcurrencyError {
  override readonly name: string = 'HeldByThisThreadError';
  readonly code = 'ERR_LOCK_HELD_BY_THIS_THREAD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(
      `lockSync would stop this thread forever: the thread itself holds the lock ${lockName} or waits for it. Release it first, or wait with lock()`,
    );
    this.lockName = lockName;
  }
}

/**
 * The caller called `release()` on a lock object that does not hold its lock. Nothing was changed. fasteners:
 * `ThreadError`.
 */
export class LockNotHeldError extends ConcurrencyError {
  override readonly name: string = 'LockNotHeldError';
  readonly code = 'ERR_LOCK_NOT_HELD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`This object does not hold the lock ${lockName}, so it cannot release it`);
    this.lockName = lockName;
  }
}
