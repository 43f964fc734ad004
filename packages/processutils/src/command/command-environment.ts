import { InvalidArgumentError } from '../errors.js';
import { hidden } from './hidden-value.js';

/** The environment of a command: `env`, in place of this process's own or, with `extend`, over it. */
export function checkEnvironment(env: unknown, extend: boolean): Record<string, string> {
  if (env !== undefined && (typeof env !== 'object' || env === null || Array.isArray(env))) {
    throw new InvalidArgumentError('env', 'an object of strings', hidden(env));
  }
  for (const [name, value] of Object.entries(env ?? {})) {
    // `A=B` as a name would set A, to a value that nobody gave it.
    if (name === '' || /[=\0]/.test(name)) {
      // What follows is a value, and may be a secret.
      const shown = `${name.replace(/[=\0].*/s, '')}…`;
      throw new InvalidArgumentError('env', 'an object whose keys are not empty and have neither = nor NUL', shown);
    }
    if (value !== undefined && (typeof value !== 'string' || value.includes('\0'))) {
      throw new InvalidArgumentError(`env.${name}`, 'a string without NUL', hidden(value));
    }
  }
  const merged: Record<string, string | undefined> = { ...(env === undefined || extend ? process.env : {}), ...env };
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
