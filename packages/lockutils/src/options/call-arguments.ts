import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * Throws when something stands behind the function of a call `(options?, fn?)`: options that would silently do nothing,
 * `external` among them.
 */
export function checkNothingFollows(argument: unknown): void {
  if (argument === undefined) return;
  throw new InvalidOptionError('fn', 'the last argument, with the options before it', argument);
}

/** The options and the function of a call `(options?, fn?)`. @throws InvalidOptionError */
export function optionsOfCall<O, F>(first: O | F, second: F | undefined): readonly [options: O, fn: F | undefined] {
  if (typeof first === 'function') {
    checkNothingFollows(second);
    return [{} as O, first as F];
  }
  if (second !== undefined && typeof second !== 'function') throw new InvalidOptionError('fn', 'a function', second);
  return [first as O, second];
}

/** Throws for what is no function, and for a generator function: its body would run after the release. */
export function checkBody(fn: unknown): void {
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  // By its tag: a function of another realm has that too, and reading it costs next to nothing.
  const tag = (fn as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  if (tag === 'GeneratorFunction' || tag === 'AsyncGeneratorFunction') {
    throw new InvalidOptionError('fn', 'a function that is no generator, whose body would run without the lock', fn);
  }
}
