import { inspect } from 'node:util';

// A registered symbol, not a class, carries the identity: a second installed copy of a package has other classes.
const brand = Symbol.for('@oslo-concurrency/error@1');

/**
 * The base of every error these packages throw for something that went wrong at run time.
 *
 * `code` is stable across versions; messages are not. Facts that a program needs are fields of the subclass, the
 * system's own error is `cause`. Misuse is an {@link InvalidOptionError} instead, which is a `TypeError`.
 *
 * oslo's counterpart: the exception classes of `lockutils` and `processutils`, which share no base.
 */
export abstract class ConcurrencyError extends Error {
  /** The stable name of the situation, such as `ERR_LOCK_TIMEOUT`. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Tells whether `value` is an error of these packages, and of the situation `code` when that is given.
 *
 * Works across installed copies and versions, where `instanceof` does not. Also true for {@link InvalidOptionError}.
 *
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
 * An option or argument has a wrong type or range. Thrown before anything is opened, spawned or waited for.
 *
 * The message names the option, what was expected and what came. A `TypeError`, so generic handlers see misuse.
 */
export class InvalidOptionError extends TypeError {
  readonly code = 'ERR_INVALID_OPTION';
  /** The option or argument, as the caller wrote it: `timeout`. */
  readonly option: string;
  /** What it must be, as a phrase: `a number of milliseconds from 0 to Infinity`. */
  readonly expected: string;
  /** What came. */
  readonly received: unknown;

  /** `message` replaces the one that is made of the other three. */
  constructor(option: string, expected: string, received: unknown, message?: string) {
    super(message ?? `${option} must be ${expected}; got ${describe(received)}`);
    this.name = 'InvalidOptionError';
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
