import { InvalidOptionError } from '@oslo-concurrency/core';
import { plan } from './locking/call.js';
import type { LockSyncBody, SyncHeldLock } from './locking/held/handles.js';
import { holdSync } from './locking/hold.js';
import { optionsOfCall } from './options/call-arguments.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';

/**
 * Options of {@link lockSync}: the options of `lock` that need no timer. `external` defaults to `true`, unless
 * `threads` is given.
 */
export type LockSyncOptions = Omit<LockOptions, 'signal' | 'warnAfter' | 'deadlock'>;

/**
 * Acquires the lock `name` between processes and stops the thread until it is granted. For scripts, not for servers.
 *
 * The call waits in one queue with the callers of `lock()` in other processes, so `fair`, `shared`, `permits` and
 * `timeout` mean the same. While it waits, nothing else runs on this thread: no timer, no signal handler, no release of
 * another lock.
 *
 * @param name - The name of the lock. Callers that give the same name exclude each other.
 * @throws HeldByThisThreadError at once if it would have to wait for this same thread, or might have to.
 * @throws LockTimeoutError, AcquireLockFailedError and the other errors that `lock()` rejects with.
 * @example
 * lockSync('deploy', { timeout: 60_000 }, () => execFileSync('./deploy.sh'));
 */
export function lockSync(name: string, options?: LockSyncOptions): SyncHeldLock;
export function lockSync<T>(name: string, fn: LockSyncBody<T>): T;
export function lockSync<T>(name: string, options: LockSyncOptions, fn: LockSyncBody<T>): T;
export function lockSync<T>(
  name: string,
  second: LockSyncOptions | LockSyncBody<T> = {},
  third?: LockSyncBody<T>,
): T | SyncHeldLock {
  const [options, fn] = optionsOfCall<LockSyncOptions, LockSyncBody<T>>(second, third);
  checkSyncOptions(name, options);
  const external = options.external ?? options.threads !== true;
  return holdSync(plan(name, { ...options, external }, true), fn);
}

/** Throws for options that a synchronous lock does not support. */
export function checkSyncOptions(name: string, options: LockSyncOptions): void {
  checkLockOptions(name, options);
  const { signal, warnAfter } = options as LockOptions;
  if (signal !== undefined) throw new InvalidOptionError('signal', 'absent: nothing aborts a stopped thread', signal);
  if (warnAfter !== undefined) {
    throw new InvalidOptionError('warnAfter', 'absent: a stopped thread cannot log a warning', warnAfter);
  }
}
