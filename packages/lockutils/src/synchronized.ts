import { systemClock } from '@oslo-concurrency/core';
import { CallLog } from './call-log.js';
import { lock } from './lock.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { type AnyFunction, checkCallable, inEveryDialect, takeIdentity } from './wrapped-function.js';

type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** What {@link synchronized} makes of a function: the same, but the value comes as a promise. */
export type Synchronized<F extends AnyFunction> = F extends AsyncMethod
  ? F
  : (this: ThisParameterType<F>, ...args: Parameters<F>) => Promise<Awaited<ReturnType<F>>>;

/** Wraps functions, and decorates methods in both dialects of TypeScript; a decorated method must return a promise. */
export interface Synchronizer {
  <F extends AnyFunction>(fn: F): Synchronized<F>;
  <F extends AsyncMethod>(method: F, context: ClassMethodDecoratorContext): F;
  <F extends AsyncMethod>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<F>,
  ): TypedPropertyDescriptor<F>;
}

/**
 * Makes functions hold the lock `name` while they run. Name, length, `this` and types stay; what was synchronous
 * returns a promise. Generators and classes are refused: their bodies would run without the lock.
 *
 * A call that does not get the lock rejects: with `AcquireLockFailedError` under `blocking: false`, where oslo returns
 * `None` as if the function had run. Logs oslo's texts, with the seconds waited and held; `doLog: false` does not.
 *
 * oslo's counterpart: `lockutils.synchronized`.
 * @throws InvalidOptionError, InvalidLockNameError at once, not at the first call.
 * @example
 * const append = synchronized('ledger', { external: true })(async (entry: Entry) => write(entry));
 * class Ledger { @synchronized('ledger') async append(entry: Entry): Promise<void> {} }
 */
export function synchronized(name: string, options: LockOptions = {}): Synchronizer {
  checkLockOptions(name, options);
  return inEveryDialect((fn, isMethod) => synchronize(name, options, fn, isMethod)) as Synchronizer;
}

function synchronize(name: string, options: LockOptions, fn: AnyFunction, isMethod: boolean): AnyFunction {
  checkCallable(fn);
  const clock = options.doLog === false ? undefined : (options.clock ?? systemClock);
  const lockOptions: LockOptions = { ...options, doLog: false };
  const run = async function (this: unknown, ...args: never[]): Promise<unknown> {
    const log = new CallLog(name, fn, isMethod ? this : undefined, clock);
    try {
      return await lock(name, lockOptions, () => {
        log.granted();
        return fn.apply(this as never, args);
      });
    } finally {
      log.ended();
    }
  };
  return takeIdentity(run, fn);
}
