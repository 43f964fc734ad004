import { getLogger, InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { lock } from './lock.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { checkCallable, nameOfCall, takeIdentity } from './wrapped-function.js';

type AnyFunction = (...args: never[]) => unknown;
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
  const wrap = <F extends AnyFunction>(fn: F, isMethod: boolean): F => synchronize(name, options, fn, isMethod);
  const synchronizer = (first: unknown, context?: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (context === undefined) return wrap(first as AnyFunction, false);
    if (typeof context === 'object') {
      const { kind } = context as { readonly kind?: unknown };
      if (kind !== 'method') throw new InvalidOptionError('decorated', 'a method', kind);
      return wrap(first as AnyFunction, true);
    }
    if (typeof descriptor?.value !== 'function') throw new InvalidOptionError('decorated', 'a method', descriptor);
    return { ...descriptor, value: wrap(descriptor.value as AnyFunction, true) };
  };
  return synchronizer as Synchronizer;
}

function synchronize<F extends AnyFunction>(name: string, options: LockOptions, fn: F, isMethod: boolean): F {
  checkCallable(fn);
  const clock = options.clock ?? systemClock;
  const lockOptions: LockOptions = { ...options, doLog: false };
  const debug = (message: string): void => {
    if (options.doLog !== false) getLogger().debug(message);
  };
  const run = async function (this: unknown, ...args: never[]): Promise<unknown> {
    const caller = nameOfCall(fn, isMethod ? this : undefined);
    const start = clock.now();
    let since: number | undefined;
    debug(`Acquiring lock "${name}" by "${caller}"`);
    try {
      return await lock(name, lockOptions, () => {
        since = clock.now();
        debug(`Lock "${name}" acquired by "${caller}" :: waited ${seconds(since - start)}`);
        return fn.apply(this as never, args);
      });
    } finally {
      const held = since === undefined ? 'N/A' : seconds(clock.now() - since);
      debug(`Lock "${name}" "${since === undefined ? 'unacquired' : 'released'}" by "${caller}" :: held ${held}`);
    }
  };
  return takeIdentity(run, fn);
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)}s`;
