import type { PasswordShape, Span } from './password-shapes.js';
import { foldCase } from './text-scanning.js';

/** The keys of oslo.utils 10.1.1, in its order, which matters: each key's shapes are masked before the next key is looked for. */
export const sanitizedKeys: readonly string[] = [
  'adminpass',
  'admin_pass',
  'password',
  'admin_password',
  'auth_token',
  'new_pass',
  'auth_password',
  'secret_uuid',
  'secret',
  'sys_pswd',
  'token',
  'configdrive',
  'chappassword',
  'encrypted_key',
  'private_key',
  'fernetkey',
  'sslkey',
  'passphrase',
  'cephclusterfsid',
  'octaviaheartbeatkey',
  'rabbitcookie',
  'cephmanilaclientkey',
  'pacemakerremoteauthkey',
  'designaterndckey',
  'cephadminkey',
  'heatauthencryptionkey',
  'cephclientkey',
  'keystonecredential',
  'barbicansimplecryptokek',
  'cephrgwkey',
  'swifthashsuffix',
  'migrationsshkey',
  'cephmdskey',
  'cephmonkey',
  'chapsecret',
];

/** The same, for some of the ways of writing. */
export function maskKeys(text: string, secret: string, shapes: readonly PasswordShape[]): string {
  let masked = text;
  let folded: string | undefined;
  let mentioned = keysIn(masked, sanitizedKeys);
  for (const [index, key] of sanitizedKeys.entries()) {
    // oslo's own test whether the key is there at all; it folds less than its patterns do.
    if (!mentioned.has(key)) continue;
    const before = masked;
    for (const shape of shapes) {
      folded ??= foldCase(masked);
      const replaced = replaceSpans(masked, shape(folded, key), secret);
      if (replaced === undefined) continue;
      masked = replaced;
      folded = undefined;
    }
    // What was put in, or now stands side by side, can be a key.
    if (masked !== before) mentioned = keysIn(masked, sanitizedKeys.slice(index + 1));
  }
  return masked;
}

// Output of a command can be hundreds of megabytes, and mostly has no key in it: looked through in pieces, it is copied
// no more than once a piece, and pieces this small are freed at once, which larger ones are not. Each begins with the end
// of the one before, so that no key is lost between two.
const pieceLength = 32 * 1024;

/** Whether one of the keys is in the text. */
export function mentionsKey(text: string): boolean {
  return keysIn(text, sanitizedKeys).size > 0;
}

function keysIn(text: string, keys: readonly string[]): ReadonlySet<string> {
  const overlap = Math.max(0, ...keys.map((key) => key.length)) - 1;
  const found = new Set<string>();
  for (let from = 0; from < text.length && found.size < keys.length; from += pieceLength) {
    const lower = text.slice(Math.max(0, from - overlap), from + pieceLength).toLowerCase();
    for (const key of keys) if (!found.has(key) && lower.includes(key)) found.add(key);
  }
  return found;
}

// How many parts are kept as such: each costs several times a short text.
const fewParts = 4096;

function replaceSpans(text: string, spans: Iterable<Span>, secret: string): string | undefined {
  let replaced = '';
  let parts: string[] = [];
  let done = 0;
  for (const { from, to, erase } of spans) {
    parts.push(text.slice(done, from), erase ? '' : secret);
    done = to;
    if (parts.length < fewParts) continue;
    replaced += parts.join('');
    parts = [];
  }
  if (done === 0) return undefined;
  parts.push(text.slice(done));
  return replaced + parts.join('');
}
