import { InvalidArgumentError, UnknownArgumentError } from '../errors/argument-errors.js';
import { type Masker, masker } from '../masking/masker.js';

/** Names the kind of a value that may hold a secret. */
export function hidden(value: unknown): string {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
  return `[${kind}, not shown]`;
}

/** The secrets that the options name, as far as they can be read: what is wrong about them is said elsewhere. */
export function secretsIn(options: unknown): string[] {
  const secrets = (options as { secrets?: unknown } | null | undefined)?.secrets;
  return Array.isArray(secrets) ? secrets.filter((value) => typeof value === 'string') : [];
}

/**
 * Does a check of what the user gave. What it throws shows no secret, should one have come to stand in a wrong place: as an
 * option's name, or as its value; `known` are the options that there are.
 */
export function checkMasked<T>(mask: Masker, known: readonly string[], check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof InvalidArgumentError || error instanceof UnknownArgumentError
      ? masked(error, mask, known)
      : error;
  }
}

/** The same with the secrets of the options themselves. */
export function checkOptions<T>(options: unknown, known: readonly string[], check: () => T): T {
  return checkMasked(masker(secretsIn(options)), known, check);
}

function masked(error: InvalidArgumentError | UnknownArgumentError, mask: Masker, known: readonly string[]): Error {
  const { option, expected, received } = error;
  // The message of an object shows its fields, and `received` hands over all that is below.
  const isDeep = typeof received === 'object' && received !== null;
  if (!isDeep && mask(error.message) === error.message) return error;
  const shown = typeof received === 'string' ? mask(received) : hidden(received);
  if (error instanceof UnknownArgumentError) return new UnknownArgumentError(shown, known);
  return new InvalidArgumentError(mask(option), expected, shown);
}
