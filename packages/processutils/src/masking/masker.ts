import { maskKeys, sanitizedKeys } from './mask-keys.js';
import { maskPieces, type PieceMasker } from './mask-pieces.js';
import { openValue } from './open-value.js';
import { lineShapes, passwordShapes, type Span } from './password-shapes.js';
import { hideUserInfo } from './url-user-info.js';

const mask = '***';

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
 * longer be found. Only one that is part of a key's name (`pass`) waits, so as not to hide that name. The end of a text that was
 * cut may be the beginning of a secret, or a value whose end is missing.
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
    data: (text: string) => replaceEach(maskKeys(replaceEach(text, first), mask, passwordShapes), last),
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
