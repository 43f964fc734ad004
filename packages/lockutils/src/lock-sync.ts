import { InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { plan } from './locking/call.js';
import type { LockSyncBody, SyncHeldLock } from './locking/held/handles.js';
import { holdSync } from './locking/hold.js';
import { optionsOfCall } from './options/call-arguments.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';
import { type AnyFunction, CallLog, checkCallable, inEveryDialect, takeIdentity } from './synchronized.js';

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

// A function that always throws returns `never`, which the compiler would accept as a promise.
type NotAsync<F extends AnyFunction> = F &
  (Exclude<ReturnType<F>, PromiseLike<unknown>> extends never
    ? [ReturnType<F>] extends [never]
      ? unknown
      : never
    : unknown);

/** Wraps synchronous functions, and decorates synchronous methods in both dialects of TypeScript. */
export interface SyncSynchronizer {
  <F extends AnyFunction>(fn: NotAsync<F>): F;
  <F extends AnyFunction>(method: NotAsync<F>, context: ClassMethodDecoratorContext): F;
  <F extends AnyFunction>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<NotAsync<F>>,
  ): TypedPropertyDescriptor<NotAsync<F>>;
}

/**
 * `synchronized` for synchronous functions in scripts: they hold the lock `name` between processes while they run, by
 * {@link lockSync}, and stay synchronous. The name, length, `this` and types of the function stay. Logs the same texts.
 *
 * @throws InvalidOptionError at once for asynchronous functions (use `synchronized`), for generators and for classes.
 * @example
 * const deploy = synchronizedSync('deploy', { timeout: 60_000 })((version: string) => install(version));
 */
export function synchronizedSync(name: string, options: LockSyncOptions = {}): SyncSynchronizer {
  checkSyncOptions(name, options);
  return inEveryDialect((fn, isMethod) => synchronizeSync(name, options, fn, isMethod)) as SyncSynchronizer;
}

function synchronizeSync(name: string, options: LockSyncOptions, fn: AnyFunction, isMethod: boolean): AnyFunction {
  checkCallable(fn);
  if (Object.prototype.toString.call(fn) === '[object AsyncFunction]') {
    throw new InvalidOptionError('fn', 'a synchronous function; use synchronized for others', fn);
  }
  const clock = options.doLog === false ? undefined : (options.clock ?? systemClock);
  const lockOptions: LockSyncOptions = { ...options, doLog: false };
  const run = function (this: unknown, ...args: never[]): unknown {
    const log = new CallLog(name, fn, isMethod ? this : undefined, clock);
    try {
      return lockSync(name, lockOptions, () => {
        log.granted();
        return fn.apply(this as never, args);
      });
    } finally {
      log.ended();
    }
  };
  return takeIdentity(run, fn);
}
