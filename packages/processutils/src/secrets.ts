import { inspect } from 'node:util';
import { processState } from '@oslo-concurrency/core';

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
 * Marks an argument as a secret: the command receives it, and messages, logs, events and errors show `***`.
 *
 * The whole argument is the secret. If it contains more (`-p${password}`), list the password in `secrets` too: otherwise a
 * command that prints the password alone would show it. Other users of the machine can read the arguments of a running
 * command. Standard input is safer.
 *
 * @param value - The argument.
 * @example
 * await execute('htpasswd', ['-nb', user, secret(password)]);
 */
export function secret(value: string): SecretArgument {
  return new SecretArgument(value);
}

/**
 * Whether a value is an argument made by {@link secret}.
 * @param value - The value to look at.
 */
export function isSecretArgument(value: unknown): value is SecretArgument {
  return typeof value === 'object' && value !== null && values.has(value);
}

/** The value of a secret argument. */
export function revealed(argument: SecretArgument): string {
  return values.get(argument) ?? '';
}
