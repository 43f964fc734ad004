import { acquireTogether, type LocksBody } from './locking/acquire-all.js';
import { plan } from './locking/call.js';
import type { HeldLock, LockBody } from './locking/handles.js';
import type { HeldLocks } from './locking/held-locks.js';
import { hold } from './locking/hold.js';
import { checkNothingFollows } from './options/call-arguments.js';
import { type RemoveLockFileOptions, removeLockFile } from './remove-lock-file.js';

export type { LocksBody, RemoveLockFileOptions };

import type { LockOptions } from './options/lock-options.js';

const noOptions: LockOptions = Object.freeze({});

/**
 * Takes the lock `name`, waiting for it: within this thread, between the threads of this process with
 * `threads: true`, or between processes with `external: true`.
 *
 * With `fn` the lock is held while it runs and released when it settles, and its value is passed on; without, resolves
 * to a handle to release. Callers of this thread are served in order of arrival. Rejects with the errors of this
 * package, with `signal.reason` after an abort, and with what `fn` throws.
 *
 * oslo's counterpart: `lockutils.lock`.
 * @example
 * await lock('ledger', { external: true, timeout: 5000 }, async () => append(entry));
 * await using held = await lock('cache');
 */
export function lock(name: string, options?: LockOptions): Promise<HeldLock>;
export function lock<T>(name: string, fn: LockBody<T>): Promise<T>;
export function lock<T>(name: string, options: LockOptions, fn: LockBody<T>): Promise<T>;
export function lock<T>(
  name: string,
  second: LockOptions | LockBody<T> = noOptions,
  third?: LockBody<T>,
): Promise<T | HeldLock> {
  try {
    if (typeof second !== 'function') return hold(plan(name, second), third);
    checkNothingFollows(third);
    return hold(plan(name, noOptions), second);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Takes several locks, all or none: when one cannot be had, those taken are given back and it rejects as `lock` does.
 *
 * Callers that take their locks by one `acquireAll` never wait for each other in a circle, in whatever order they name
 * them, in one process or several, with other prefixes or collections (G13). That does not hold for who asks for more
 * while holding. Names that lead to one file count once. `timeout` bounds the whole call.
 *
 * @example
 * await acquireAll(['account:7', 'account:3'], { external: true, timeout: 5000 }, () => transfer());
 */
export function acquireAll(names: readonly string[], options?: LockOptions): Promise<HeldLocks>;
export function acquireAll<T>(names: readonly string[], fn: LocksBody<T>): Promise<T>;
export function acquireAll<T>(names: readonly string[], options: LockOptions, fn: LocksBody<T>): Promise<T>;
export function acquireAll<T>(
  names: readonly string[],
  second: LockOptions | LocksBody<T> = {},
  third?: LocksBody<T>,
): Promise<T | HeldLocks> {
  return acquireTogether(names, second, third);
}

/**
 * Removes the lock file of `name`, and what lies beside it for it, while holding the lock; waits for it like `lock()`.
 * Whoever waits here keeps the file: it stays then. Works also with `disableProcessLocking`, as oslo's does.
 *
 * Safe while others lock that name with this library, in any process. Not beside Python's, which do not look whether
 * the file they wait for is still the lock: remove when no Python process can be waiting for it.
 *
 * oslo's counterpart: `lockutils.remove_external_lock_file`, which takes the file away from under other processes.
 * @throws what `lock()` throws. A file that cannot be removed is a warning in the log, as in oslo.
 */
export function removeExternalLockFile(name: string, options: RemoveLockFileOptions = {}): Promise<void> {
  return removeLockFile(name, options);
}
