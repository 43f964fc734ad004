import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * Throws unless `options` is an object without other options than these; `expected` is the phrase for one that is not.
 * Their values are checked elsewhere.
 */
export function checkOptionNames(
  options: unknown,
  names: ReadonlySet<string>,
  expected = (_name: string): string => `of ${[...names].join(', ')} only`,
): asserts options is object {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !names.has(name)) {
      throw new InvalidOptionError('options', expected(name), options);
    }
  }
}
