import { checkOptionNames, InvalidOptionError } from '@oslo-concurrency/core';
import { isLockOption, type LockOptions } from './lock-options.js';

/**
 * How one call of a lock object waits; times are milliseconds. The constructor of the object decides which lock it is.
 */
export type WaitOptions = Pick<
  LockOptions,
  'blocking' | 'timeout' | 'signal' | 'delay' | 'fair' | 'onWait' | 'warnAfter' | 'deadlock' | 'doLog' | 'clock'
>;

const names: ReadonlySet<string> = new Set<keyof WaitOptions>([
  'blocking',
  'timeout',
  'signal',
  'delay',
  'fair',
  'onWait',
  'warnAfter',
  'deadlock',
  'doLog',
  'clock',
]);

/**
 * Throws for an option of `lock()` that would silently have no effect here. The values are checked when the call is
 * planned.
 */
export function checkWaitOptions(options: unknown): asserts options is WaitOptions {
  if (typeof options === 'object' && options !== null) {
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined || names.has(name) || !isLockOption(name)) continue;
      const expected = `without ${name}, which is fixed for this lock and cannot differ between calls`;
      throw new InvalidOptionError('options', expected, options);
    }
  }
  checkOptionNames(options, names);
}
