import { InvalidOptionError } from '@oslo-concurrency/core';

/** Any function. */
export type AnyFunction = (...args: never[]) => unknown;

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

/** Gives `wrapper` the name and length of `fn`, for stacks, logs and libraries that look at them. */
export function takeIdentity<F extends AnyFunction>(wrapper: AnyFunction, fn: F): F {
  for (const property of ['name', 'length'] as const) {
    Object.defineProperty(wrapper, property, { value: fn[property], configurable: true });
  }
  return wrapper as F;
}

/**
 * A function that can be called to wrap a function, as a standard method decorator, and as one of
 * `experimentalDecorators`; `wrap` does the work.
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
