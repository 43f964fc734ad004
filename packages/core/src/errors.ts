import { inspect } from 'node:util';

// A registered symbol marks our errors, since a second installed copy of a package has other classes.
const brand = Symbol.for('@oslo-concurrency/error@1');

/**
 * The base of every error that these packages throw for a failure at run time.
 *
 * `code` is stable across versions; messages are not. The facts that a program needs are fields of the subclass, and the
 * system's own error is the `cause`. Misuse is an {@link InvalidOptionError} instead, which is a `TypeError`.
 *
 * oslo's counterpart: the exception classes of `lockutils` and `processutils`, which share no base.
 */
export abstract class ConcurrencyError extends Error {
  /** The stable name of the situation, such as `ERR_LOCK_TIMEOUT`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    // Ours name themselves below: a minifier renames classes, and programs and logs go by the name.
    this.name = new.target.name;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether `value` is an error of these packages and, if `code` is given, has that `code`.
 *
 * It works across installed copies and versions, where `instanceof` fails. It is true for {@link InvalidOptionError} too.
 *
 * @param value - What was caught.
 * @param code - The code that the error must have. Without it, any code will do.
 * @example
 * catch (error) { if (isConcurrencyError(error, 'ERR_LOCK_TIMEOUT')) retryLater(); else throw error; }
 */
export function isConcurrencyError<Code extends string>(
  value: unknown,
  code?: Code,
): value is Error & { readonly code: Code } {
  if (typeof value !== 'object' || value === null) return false;
  if ((value as { [brand]?: unknown })[brand] !== true) return false;
  return code === undefined || (value as { code?: unknown }).code === code;
}

/**
 * An option or argument has a wrong type or range. It is thrown before the call opens, spawns or waits.
 *
 * The message names the option, the expected value and the received one. It is a `TypeError`, so that generic handlers
 * recognise misuse.
 */
export class InvalidOptionError extends TypeError {
  override readonly name: string = 'InvalidOptionError';
  readonly code = 'ERR_INVALID_OPTION';
  /** The option or argument, as the caller wrote it: `timeout`. */
  readonly option: string;
  /** A phrase for what the value must be: `a number of milliseconds from 0 to Infinity`. */
  readonly expected: string;
  /** The received value. */
  readonly received: unknown;

  /** `message` replaces the message that the other three arguments make up. */
  constructor(option: string, expected: string, received: unknown, message?: string) {
    super(message ?? `${option} must be ${expected}; got ${describe(received)}`);
    this.option = option;
    this.expected = expected;
    this.received = received;
    Object.defineProperty(this, brand, { value: true });
  }
}

function describe(value: unknown): string {
  const text = inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 80 });
  const kind = value === null ? 'null' : typeof value;
  return text === kind ? text : `${text} (${kind})`;
}
