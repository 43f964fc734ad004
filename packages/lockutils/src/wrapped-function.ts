import { InvalidOptionError } from '@oslo-concurrency/core';

/** Throws for what cannot be wrapped: no function, a class, or a generator, whose body runs after the call. */
export function checkCallable(fn: unknown): void {
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const kind = Object.prototype.toString.call(fn);
  if (kind === '[object GeneratorFunction]' || kind === '[object AsyncGeneratorFunction]') {
    throw new InvalidOptionError('fn', 'a function that is no generator, whose body would run without the lock', fn);
  }
  if (/^class\b/.test(Function.prototype.toString.call(fn))) {
    throw new InvalidOptionError('fn', 'a function that is no class; lock its methods instead', fn);
  }
}

type Named = (...args: never[]) => unknown;

/** Gives `wrapper` the name and length of `fn`, for stacks, logs and libraries that look at them. */
export function takeIdentity<F extends Named>(wrapper: Named, fn: F): F {
  for (const property of ['name', 'length'] as const) {
    Object.defineProperty(wrapper, property, { value: fn[property], configurable: true });
  }
  return wrapper as F;
}

/** How a call is called in the log: `append`, and as a method of `self` `Ledger.append`. */
export function nameOfCall(fn: Named, self: unknown): string {
  const name = fn.name === '' ? '<anonymous>' : fn.name;
  if (self === undefined || self === null) return name;
  const owner = typeof self === 'function' ? self.name : (self as object).constructor?.name;
  return owner === undefined || owner === '' ? name : `${owner}.${name}`;
}
