import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * Throws if an argument follows the function of a call `(options?, fn?)`. Such options, for example `external`, would
 * silently do nothing.
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

/** Throws for anything but a function, and for a generator function, whose body would run after the release. */
export function checkBody(fn: unknown): void {
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  // Checks the tag: a function of another realm has it too, and reading it costs next to nothing.
  const tag = (fn as { readonly [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  if (tag === 'GeneratorFunction' || tag === 'AsyncGeneratorFunction') {
    throw new InvalidOptionError('fn', 'a function, not a generator, whose body would run without the lock', fn);
  }
}
