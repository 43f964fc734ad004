import { checkOptionNames, InvalidOptionError } from '@oslo-concurrency/core';
import { isLockOption, type LockOptions } from './lock-options.js';

/** How one call of a lock object waits; times are milliseconds. What the lock is, its constructor was told. */
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

/** Throws for an option of `lock()` that would silently do nothing here. Values are checked by the plan of the call. */
export function checkWaitOptions(options: unknown): asserts options is WaitOptions {
  if (typeof options === 'object' && options !== null) {
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined || names.has(name) || !isLockOption(name)) continue;
      const expected = `without ${name}, which no single call of this lock can choose`;
      throw new InvalidOptionError('options', expected, options);
    }
  }
  checkOptionNames(options, names);
}
