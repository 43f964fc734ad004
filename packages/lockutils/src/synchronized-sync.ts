import { InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { checkSyncOptions, type LockSyncOptions, lockSync } from './lock-sync.js';
import { type AnyFunction, CallLog, checkCallable, inEveryDialect, takeIdentity } from './synchronized.js';

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
 * @param name - The name of the lock. Callers that give the same name exclude each other.
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
