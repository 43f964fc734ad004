import { plan } from './acquisition.js';
import type { HeldLock } from './held-lock.js';
import { hold, type LockBody } from './hold.js';
import type { LockOptions } from './lock-options.js';

/**
 * Takes the lock `name`, waiting for it: within this process, or between processes with `external: true`.
 *
 * With `fn` the lock is held while it runs and released when it settles, and its value is passed on; without, resolves
 * to a handle to release. Callers of this process are served in order of arrival. Rejects with the errors of this
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
  second: LockOptions | LockBody<T> = {},
  third?: LockBody<T>,
): Promise<T | HeldLock> {
  try {
    if (typeof second === 'function') return hold(plan(name, {}), second);
    return hold(plan(name, second), third);
  } catch (error) {
    return Promise.reject(error);
  }
}
