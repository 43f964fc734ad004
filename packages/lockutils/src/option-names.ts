import { InvalidOptionError } from '@oslo-concurrency/core';

/** Throws unless `options` is an object without other options than these. Their values are checked elsewhere. */
export function checkOptionNames(options: unknown, names: ReadonlySet<string>): asserts options is object {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !names.has(name)) {
      throw new InvalidOptionError('options', `of ${[...names].join(', ')} only`, options);
    }
  }
}
