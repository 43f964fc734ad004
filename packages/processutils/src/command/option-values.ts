import { constants } from 'node:os';
import { InvalidArgumentError, UnknownArgumentError } from '../errors/argument-errors.js';
import type { ExecuteOptions } from './command.js';
import { hidden } from './masked-misuse.js';

/** The name of an option of `execute`. */
export type OptionName = keyof ExecuteOptions;

/** Refuses an option that is not one of `known`, which the error lists. */
export function checkNames(options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new UnknownArgumentError(unknown, known);
}

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

/** A path, which may not be empty. */
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

/** Which exit codes are a success, from the option `checkExitCode`. */
export function checkExitCodes(codes: unknown = 0): (exitCode: number) => boolean {
  if (typeof codes === 'boolean') return codes ? (exitCode) => exitCode === 0 : () => true;
  const list: readonly unknown[] = Array.isArray(codes) ? codes : [codes];
  if (list.some((code) => !Number.isInteger(code))) {
    throw new InvalidArgumentError('checkExitCode', 'a boolean, an integer or an array of integers', codes);
  }
  return (exitCode) => list.includes(exitCode);
}

// Nobody can act on SIGSTOP, and SIGCONT asks for the opposite; the process would only wait for its SIGKILL.
const endNobody: readonly unknown[] = ['SIGSTOP', 'SIGCONT'];

// RFC 4254 has these names and no others.
const overSsh: readonly unknown[] = [
  ...['SIGABRT', 'SIGALRM', 'SIGFPE', 'SIGHUP', 'SIGILL', 'SIGINT', 'SIGKILL'],
  ...['SIGPIPE', 'SIGQUIT', 'SIGSEGV', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'],
];

/** The signal that asks a command to end, from the option `killSignal`. */
export function checkKillSignal(value: unknown = 'SIGTERM'): NodeJS.Signals {
  const isSignal = typeof value === 'string' && Object.hasOwn(constants.signals, value);
  if (isSignal && !endNobody.includes(value)) return value as NodeJS.Signals;
  throw new InvalidArgumentError('killSignal', "the name of a signal that a program can act on, 'SIGINT' say", value);
}

/** The same for a command on a server, where fewer signals have a name. */
export function checkRemoteKillSignal(value: NodeJS.Signals): NodeJS.Signals {
  if (overSsh.includes(value)) return value;
  throw new InvalidArgumentError('killSignal', `one that SSH can send: ${overSsh.join(', ')}`, value);
}

/** oslo's delay between attempts: 200 to 2000 ms in steps of 10, so that many callers that fail together do not try again together. */
export function randomDelay(): number {
  return 200 + 10 * Math.floor(Math.random() * 181);
}

/** The delay between attempts from the option `delayOnRetry`. */
export function checkDelay(value: unknown): () => number {
  if (value === undefined || value === true) return randomDelay;
  if (value === false) return () => 0;
  if (typeof value === 'function') return value as () => number;
  throw new InvalidArgumentError('delayOnRetry', 'a boolean or a function giving milliseconds', value);
}
