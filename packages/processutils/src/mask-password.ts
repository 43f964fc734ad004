import { passwordShapes, type Span } from './password-shapes.js';
import { foldCase } from './text-scanning.js';

/** oslo.utils' keys, in its order, which matters: each key's shapes are masked before the next key is looked for. */
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
];

/**
 * The text with the values of passwords, tokens and keys replaced by `secret`.
 *
 * Gives what `oslo_utils.strutils.mask_password` (6.0.1) gives, for every text, in time linear in its length: no
 * regular expression is involved. It knows 34 key names in assignments, command line flags, JSON, XML and Python
 * reprs; it cannot know a secret that has no such name beside it. `secret` is taken literally, a backslash too.
 *
 * @example
 * maskPassword("{'adminPass': 'hunter2'}"); // "{'adminPass': '***'}"
 */
export function maskPassword(text: string, secret = '***'): string {
  let masked = text;
  let folded: string | undefined;
  let lower = masked.toLowerCase();
  for (const key of sanitizedKeys) {
    // oslo's own test whether the key is there at all; it folds less than its patterns do.
    if (!lower.includes(key)) continue;
    for (const shape of passwordShapes) {
      folded ??= foldCase(masked);
      const replaced = replaceSpans(masked, shape(folded, key), secret);
      if (replaced === undefined) continue;
      masked = replaced;
      folded = undefined;
    }
    lower = masked.toLowerCase();
  }
  return masked;
}

function replaceSpans(text: string, spans: Iterable<Span>, secret: string): string | undefined {
  const parts: string[] = [];
  let done = 0;
  for (const { from, to, erase } of spans) {
    parts.push(text.slice(done, from), erase ? '' : secret);
    done = to;
  }
  if (done === 0) return undefined;
  parts.push(text.slice(done));
  return parts.join('');
}
