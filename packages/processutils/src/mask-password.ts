import { maskKeys } from './masking/mask-keys.js';
import { passwordShapes } from './masking/password-shapes.js';

/**
 * The text with the values of passwords, tokens and keys replaced by `secret`.
 *
 * Gives what `oslo_utils.strutils.mask_password` (10.1.1) gives, for every text, in time linear in its length: no
 * regular expression is involved. It knows 35 key names in assignments, command line flags, JSON, XML and Python
 * reprs; it cannot know a secret that has no such name beside it. `secret` is taken literally, a backslash too.
 *
 * @example
 * maskPassword("{'adminPass': 'hunter2'}"); // "{'adminPass': '***'}"
 */
export function maskPassword(text: string, secret = '***'): string {
  return maskKeys(text, secret, passwordShapes);
}
