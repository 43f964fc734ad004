import { inspect } from 'node:util';
import { processState } from '@oslo-concurrency/core';
import { maskKeys, maskPassword, sanitizedKeys } from './mask-password.js';
import { maskPieces, type PieceMasker } from './masking/mask-pieces.js';
import { openValue } from './masking/open-value.js';
import { lineShapes, passwordShapes, type Span } from './masking/password-shapes.js';
import { hideUserInfo } from './masking/url-user-info.js';

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

/** Replaces in a text what must not be shown: for messages, errors and logs. */
export interface Masker {
  (text: string): string;
  /** The same of a text in parts, each of which is let go of when it is masked. */
  parts(parts: Iterable<string>): string;
  /** What oslo masks, and each of the secrets: for data, of which nothing else may be lost. */
  data(text: string): string;
  /** Where the secrets are that need not wait for the keys. */
  secretsIn(text: string): Span[];
  /** The length of the longest secret it knows. */
  readonly longest: number;
}

/**
 * A masker of oslo's keys, of the user information of URLs, and of each of `secrets`, wherever it stands; a longer secret
 * goes before its own parts.
 *
 * Secrets go first: `password=my secret` masked by its key alone would leave half of the secret, which then could no
 * longer be found. Only one that is part of a key's name (`pass`) waits, so as not to hide that name. Of a text that was
 * cut, the end may be the beginning of a secret, or a value whose end is missing.
 */
export function masker(secrets: readonly string[]): Masker {
  const known = [...new Set(secrets)].filter((value) => value !== '').sort((a, b) => b.length - a.length);
  const isPartOfKey = (value: string): boolean => sanitizedKeys.some((key) => key.includes(value.toLowerCase()));
  const first = known.filter((value) => !isPartOfKey(value));
  const last = known.filter(isPartOfKey);
  const withoutKeys = (text: string, shapes: typeof passwordShapes): string =>
    replaceEach(maskKeys(hideUserInfo(text), mask, shapes), last);
  const pieces: PieceMasker = {
    last: (text) => withoutKeys(withoutOpenEnd(replaceEach(text, first), known), passwordShapes),
    other: (text) => withoutKeys(replaceEach(text, first), lineShapes),
    longest: known[0]?.length ?? 0,
  };
  const parts = (of: Iterable<string>): string => maskPieces(of, pieces);
  return Object.assign((text: string) => parts([text]), {
    parts,
    data: (text: string) => replaceEach(maskPassword(replaceEach(text, first), mask), last),
    secretsIn: (text: string) => first.flatMap((value) => placesOf(text, value)),
    longest: pieces.longest,
  });
}

function replaceEach(text: string, values: readonly string[]): string {
  return values.reduce((masked, value) => masked.replaceAll(value, mask), text);
}

function placesOf(text: string, value: string): Span[] {
  const places: Span[] = [];
  for (let from = text.indexOf(value); from >= 0; from = text.indexOf(value, from + value.length)) {
    places.push({ from, to: from + value.length });
  }
  return places;
}

// Fewer characters of a secret give nothing away, and stand at the end of many a text by chance.
const tellingLength = 4;

function withoutOpenEnd(text: string, secrets: readonly string[]): string {
  let end = openValue(text)?.from ?? text.length;
  for (const secret of secrets) {
    const most = Math.min(secret.length - 1, text.length);
    for (let length = most; length >= tellingLength; length -= 1) {
      if (!text.endsWith(secret.slice(0, length))) continue;
      end = Math.min(end, text.length - length);
      break;
    }
  }
  return end < text.length ? text.slice(0, end) + mask : text;
}
