import { getLogger } from '@oslo-concurrency/core';
import { acquire } from './acquire.js';
import { type Acquisition, plan } from './acquisition.js';
import type { GrantedLock } from './granted-lock.js';
import type { HeldLock } from './held-lock.js';
import { newBody, runBody } from './local/wait-graph.js';
import type { LockOptions } from './lock-options.js';

/** What runs under a lock; it gets the handle. */
export type LockBody<T> = (held: HeldLock) => T | PromiseLike<T>;

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
export async function lock<T>(
  name: string,
  second: LockOptions | LockBody<T> = {},
  third?: LockBody<T>,
): Promise<T | HeldLock> {
  const fn = typeof second === 'function' ? second : third;
  const call = plan(name, typeof second === 'function' ? {} : second);
  if (fn === undefined) return (await acquire(call)) as GrantedLock & HeldLock;
  if (call.options.deadlock !== 'off') call.body = newBody(name, call.inside);
  const acquired = acquire(call);
  return holdAround(call, acquired instanceof Promise ? await acquired : acquired, fn);
}

async function holdAround<T>(call: Acquisition, granted: GrantedLock, fn: LockBody<T>): Promise<T> {
  const held = granted as GrantedLock & HeldLock;
  let value: T;
  try {
    value = await (call.body === undefined ? fn(held) : runBody(call.body, () => fn(held)));
  } catch (error) {
    // The body's error is what the caller must see (G14); that the release failed too is said in the log.
    await held.release().catch((failure: Error) => getLogger().error(failure.message));
    throw error;
  }
  await held.release();
  return value;
}
