import { type Clock, getLogger, InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { lock } from './lock.js';
import { checkBody } from './options/call-arguments.js';
import { checkLockOptions, checkScope, type LockOptions } from './options/lock-options.js';

type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** The type of a synchronized function: the type of the original, but the call returns a promise of the value. */
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
 * Makes functions hold the lock `name` while they run. The name, length, `this` and types of the function stay; a
 * synchronous function becomes one that returns a promise. Generators and classes are refused: their bodies would run
 * without the lock.
 *
 * If the lock is not acquired, the call rejects: with `blocking: false`, it rejects with `AcquireLockFailedError`. oslo
 * also raises since its version 7.3; before, it returned `None` as if the function had run. Logs oslo's texts, with the
 * seconds waited and held, unless `doLog` is `false`.
 *
 * oslo's counterpart: `lockutils.synchronized`.
 * @param name - The name of the lock. Callers that give the same name exclude each other.
 * @throws InvalidOptionError, InvalidLockNameError at once, not at the first call.
 * @example
 * const append = synchronized('ledger', { external: true })(async (entry: Entry) => write(entry));
 * class Ledger { @synchronized('ledger') async append(entry: Entry): Promise<void> {} }
 */
export function synchronized(name: string, options: LockOptions = {}): Synchronizer {
  checkLockOptions(name, options);
  checkScope(options);
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

/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

/**
 * Throws for values that cannot be wrapped: anything but a function, a class, and a generator function, whose body runs
 * after the call.
 */
export function checkCallable(fn: unknown): void {
  checkBody(fn);
  if (/^class\b/.test(Function.prototype.toString.call(fn))) {
    throw new InvalidOptionError('fn', 'a function, not a class; lock its methods instead', fn);
  }
}

/** Gives `wrapper` the name and length of `fn`, for stack traces, logs and libraries that read them. */
export function takeIdentity<F extends AnyFunction>(wrapper: AnyFunction, fn: F): F {
  for (const property of ['name', 'length'] as const) {
    Object.defineProperty(wrapper, property, { value: fn[property], configurable: true });
  }
  return wrapper as F;
}

/**
 * A function that serves three purposes: it wraps a function, it is a standard method decorator, and it is a method
 * decorator under `experimentalDecorators`. `wrap` does the work.
 */
export function inEveryDialect(
  wrap: (fn: AnyFunction, isMethod: boolean) => AnyFunction,
): (first: unknown, context?: unknown, descriptor?: PropertyDescriptor) => unknown {
  return (first, context, descriptor) => {
    if (context === undefined) return wrap(first as AnyFunction, false);
    if (typeof context === 'object') {
      const { kind } = context as { readonly kind?: unknown };
      if (kind !== 'method') throw new InvalidOptionError('decorated', 'a method', kind);
      return wrap(first as AnyFunction, true);
    }
    if (typeof descriptor?.value !== 'function') throw new InvalidOptionError('decorated', 'a method', descriptor);
    return { ...descriptor, value: wrap(descriptor.value as AnyFunction, true) };
  };
}

/** Logs one call of a synchronized function, in oslo's words. */
export class CallLog {
  readonly #lock: string;
  readonly #caller: string;
  readonly #clock: Clock | undefined;
  readonly #start: number;
  #since: number | undefined;

  /** `self` is given for methods. Without `clock` nothing is logged. */
  constructor(lock: string, fn: AnyFunction, self: unknown, clock: Clock | undefined) {
    this.#lock = lock;
    this.#caller = nameOfCall(fn, self);
    this.#clock = clock;
    this.#start = clock?.now() ?? 0;
    this.#debug(`Acquiring lock "${lock}" by "${this.#caller}"`);
  }

  /** Records that the lock was granted. */
  granted(): void {
    this.#since = this.#clock?.now();
    if (this.#since === undefined) return;
    const waited = seconds(this.#since - this.#start);
    this.#debug(`Lock "${this.#lock}" acquired by "${this.#caller}" :: waited ${waited}`);
  }

  /** Records that the call is over, whether or not it acquired the lock. */
  ended(): void {
    const end = this.#since === undefined ? 'unacquired' : 'released';
    const held = this.#since === undefined ? 'N/A' : seconds((this.#clock?.now() ?? 0) - this.#since);
    this.#debug(`Lock "${this.#lock}" "${end}" by "${this.#caller}" :: held ${held}`);
  }

  #debug(message: string): void {
    if (this.#clock !== undefined) getLogger().debug(message);
  }
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)}s`;

/** The name of a call in the log: `append`, or `Ledger.append` for a method of `self`. */
function nameOfCall(fn: AnyFunction, self: unknown): string {
  const name = fn.name === '' ? '<anonymous>' : fn.name;
  if (self === undefined || self === null) return name;
  const owner = typeof self === 'function' ? self.name : (self as object).constructor?.name;
  return owner === undefined || owner === '' ? name : `${owner}.${name}`;
}
