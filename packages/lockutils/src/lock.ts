import { plan } from './locking/call.js';
import type { HeldLock, LockBody } from './locking/handles.js';
import { hold } from './locking/hold.js';
import { checkNothingFollows } from './options/call-arguments.js';
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
