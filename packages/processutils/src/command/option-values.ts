import { InvalidArgumentError } from '../errors.js';
import type { ExecuteOptions } from './command.js';
import { hidden } from './hidden-value.js';

/** The name of an option of `execute`. */
export type OptionName = keyof ExecuteOptions;

/** A list of texts; empty when it was not given. */
export function checkStrings(name: OptionName, values: unknown): readonly string[] {
  if (values === undefined) return [];
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string' || value.includes('\0'))) {
    throw new InvalidArgumentError(name, 'an array of strings without NUL', hidden(values));
  }
  return values as string[];
}

/** A text, which may be empty. */
export function checkText(name: OptionName, value: unknown): string {
  if (typeof value !== 'string' || value.includes('\0')) {
    throw new InvalidArgumentError(name, 'a string without NUL', hidden(value));
  }
  return value;
}

/** A path, which may not. */
export function checkPath(name: OptionName, value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.includes('\0')) {
    throw new InvalidArgumentError(name, 'a path that is not empty and has no NUL', value);
  }
  return value;
}

/** `false` when it was not given. */
export function checkFlag(name: OptionName, value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new InvalidArgumentError(name, 'a boolean', value);
  return value ?? false;
}

/** A function, or nothing. */
export function checkFunction<F extends (...args: never[]) => void>(
  name: OptionName,
  value: F | undefined,
): F | undefined {
  if (value !== undefined && typeof value !== 'function') throw new InvalidArgumentError(name, 'a function', value);
  return value;
}

/** A number that `accepts` takes. */
export function checkNumber(
  name: OptionName,
  value: unknown,
  expected: string,
  accepts: (value: number) => boolean,
): number {
  if (typeof value !== 'number' || !accepts(value)) throw new InvalidArgumentError(name, expected, value);
  return value;
}

/** Milliseconds, 0 or more. */
export function checkDuration(name: OptionName, value: unknown): number {
  return checkNumber(name, value, 'milliseconds, 0 or more', (ms) => ms >= 0 && ms !== Number.POSITIVE_INFINITY);
}

/** The id of a user or group, or nothing. */
export function checkId(name: 'uid' | 'gid', value: unknown): number | undefined {
  if (value === undefined) return undefined;
  return checkNumber(name, value, 'a whole number from 0', (id) => Number.isInteger(id) && id >= 0 && id < 2 ** 32 - 1);
}

/** A signal, or nothing. */
export function checkSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value;
  throw new InvalidArgumentError('signal', 'an AbortSignal', value);
}
