import { InvalidOptionError, unknownOption } from '@oslo-concurrency/core';

/** What one option must be, in words for the error, and whether a value is that. */
export type Rule = readonly [expected: string, accepts: (value: unknown) => boolean];

/** One rule for each option. */
export type Rules<Options> = { readonly [option in keyof Required<Options>]: Rule };

export const isFunction = (value: unknown): boolean => typeof value === 'function';

export const isBetween = (value: unknown, least: number, most: number): boolean =>
  typeof value === 'number' && value >= least && value <= most;

export const boolean: Rule = ['a boolean', (value) => typeof value === 'boolean'];

/** The rules of the options that locks and leases have in common. */
export const commonRules = {
  permits: ['a whole number from 1 to 10000', (value) => Number.isInteger(value) && isBetween(value, 1, 10_000)],
  blocking: boolean,
  timeout: ['a number of milliseconds from 0 to Infinity', (value) => isBetween(value, 0, Number.POSITIVE_INFINITY)],
  // Checks the shape: test environments bring AbortSignals of another realm.
  signal: [
    'an AbortSignal',
    (value) =>
      isFunction((value as AbortSignal | null)?.addEventListener) &&
      isFunction((value as AbortSignal | null)?.throwIfAborted),
  ],
  label: ['a string', (value) => typeof value === 'string'],
  onWait: ['a function', isFunction],
} satisfies { readonly [option: string]: Rule };

/**
 * Throws for the first option that is unknown or that its rule does not accept, and for a timeout of a call that must
 * not wait. An option that is `undefined` counts as absent.
 */
export function checkOptions<Options>(options: unknown, rules: Rules<Options>): asserts options is Options {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  const values = options as { readonly [option: string]: unknown };
  for (const option in values) {
    const value = values[option];
    if (value === undefined) continue;
    const rule = rules[option as keyof Options];
    if (rule === undefined) throw unknownOption(option, Object.keys(rules), options);
    if (!rule[1](value)) throw new InvalidOptionError(option, rule[0], value);
  }
  if (values.blocking === false && values.timeout !== undefined && values.timeout !== 0) {
    throw new InvalidOptionError('timeout', 'absent with blocking: false', values.timeout);
  }
}
