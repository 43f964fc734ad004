import { maskKeys } from './masking/mask-keys.js';
import { passwordShapes } from './masking/password-shapes.js';

/**
 * The text with the values of passwords, tokens and keys replaced by `secret`.
 *
 * Gives what `oslo_utils.strutils.mask_password` (10.1.1) gives, for every text, in time linear in its length: it uses no
 * regular expression. It knows 35 names of keys in assignments, command line flags, JSON, XML and Python reprs. It cannot
 * recognise a secret without such a name next to it. `secret` is taken literally, backslashes included.
 *
 * @param text - The text to mask.
 * @param secret - The replacement of each secret.
 * @example
 * maskPassword("{'adminPass': 'hunter2'}"); // "{'adminPass': '***'}"
 */
export function maskPassword(text: string, secret = '***'): string {
  return maskKeys(text, secret, passwordShapes);
}
