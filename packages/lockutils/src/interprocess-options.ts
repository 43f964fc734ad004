import { InvalidOptionError } from '@oslo-concurrency/core';
import type { LockOptions } from './lock-options.js';

/** What a lock object on a file is made with; `doLog` is `false` by default here. */
export type InterProcessLockOptions = Pick<LockOptions, 'driver' | 'label' | 'removeOnRelease' | 'doLog'>;

const names: ReadonlySet<string> = new Set<keyof InterProcessLockOptions>([
  'driver',
  'label',
  'removeOnRelease',
  'doLog',
]);

/** Throws for an option that is unknown here. Values are checked by the plan of each call. */
export function checkInterProcessOptions(options: unknown): asserts options is InterProcessLockOptions {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw new InvalidOptionError('options', `of ${[...names].join(', ')} only`, options);
  }
}
