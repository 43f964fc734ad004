import { plan } from './locking/call.js';
import type { HeldLock, LockBody } from './locking/held/handles.js';
import { hold } from './locking/hold.js';
import { checkNothingFollows } from './options/call-arguments.js';
import type { LockOptions } from './options/lock-options.js';

const noOptions: LockOptions = Object.freeze({});

/**
 * Acquires the lock `name` and waits for it if necessary. The lock excludes other callers within this thread; with
 * `threads: true`, other threads of this process; with `external: true`, other processes.
 *
 * With `fn`, the caller holds the lock while `fn` runs. The lock is released when `fn` settles, and the result is the
 * value of `fn`. Without `fn`, the promise resolves to a handle that the caller releases. Callers of one thread are
 * served in order of arrival. Rejects with the errors of this package, with `signal.reason` after an abort, and with
 * the error that `fn` throws.
 *
 * oslo's counterpart: `lockutils.lock`.
 * @param name - The name of the lock. Callers that give the same name exclude each other.
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
