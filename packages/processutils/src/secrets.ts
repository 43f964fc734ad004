import { inspect } from 'node:util';
import { processState } from '@oslo-concurrency/core';
import { maskPassword, sanitizedKeys } from './mask-password.js';

const mask = '***';
// Shared by all installed copies of this package: a secret made by one is one for the others.
const values = processState('processutils/secrets', 1, () => new WeakMap<object, string>());

/** An argument that is passed to the command and shown nowhere; made by {@link secret}. */
export class SecretArgument {
  // No field holds the value: inspect, JSON, spread, structuredClone and a debugger's preview find nothing.
  constructor(value: string) {
    values.set(this, value);
  }
  toString(): string {
    return mask;
  }
  toJSON(): string {
    return mask;
  }
  [inspect.custom](): string {
    return mask;
  }
}

/**
 * Marks an argument as a secret: the command gets it, messages, logs, events and errors show `***`.
 *
 * The whole argument is the secret: when it holds more (`-p${password}`), give the password in `secrets` instead, or a
 * command that prints it alone would show it. Other users of the machine can read the arguments of a running command;
 * standard input is safer.
 *
 * @example
 * await execute('htpasswd', ['-nb', user, secret(password)]);
 */
export function secret(value: string): SecretArgument {
  return new SecretArgument(value);
}

/** Whether a value is an argument made by {@link secret}. */
export function isSecretArgument(value: unknown): value is SecretArgument {
  return typeof value === 'object' && value !== null && values.has(value);
}

/** The value of a secret argument. */
export function revealed(argument: SecretArgument): string {
  return values.get(argument) ?? '';
}

/** Replaces in a text what must not be shown. */
export interface Masker {
  (text: string): string;
  /** The length of the longest secret it knows. */
  readonly longest: number;
}

/**
 * A masker of oslo's keys and of each of `secrets`, wherever it stands; a longer secret goes before its own parts.
 *
 * Secrets go first: `password=my secret` masked by its key alone would leave half of the secret, which then could no
 * longer be found. Only one that is part of a key's name (`pass`) waits, so as not to hide that name.
 */
export function masker(secrets: readonly string[]): Masker {
  const known = [...new Set(secrets)].filter((value) => value !== '').sort((a, b) => b.length - a.length);
  const isPartOfKey = (value: string): boolean => sanitizedKeys.some((key) => key.includes(value.toLowerCase()));
  const first = known.filter((value) => !isPartOfKey(value));
  const last = known.filter(isPartOfKey);
  const replace = (text: string): string => replaceEach(maskPassword(replaceEach(text, first), mask), last);
  return Object.assign(replace, { longest: known[0]?.length ?? 0 });
}

function replaceEach(text: string, values: readonly string[]): string {
  return values.reduce((masked, value) => masked.replaceAll(value, mask), text);
}
