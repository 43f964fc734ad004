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
