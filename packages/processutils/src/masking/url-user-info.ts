// What ends a URL in a text. An apostrophe may stand in one.
const ends = /[\s"<>\\`]/;

/**
 * The text with the user information of its URLs replaced: `https://user:password@host` becomes `https://***@host`.
 *
 * The name goes too, because a token often stands in its place. oslo masks none of this. Linear in the text.
 */
export function hideUserInfo(text: string): string {
  let shown = '';
  let done = 0;
  for (let at = text.indexOf('://'); at >= 0; ) {
    const from = at + 3;
    // No URL reaches into the next one, so that nothing is gone through twice.
    at = text.indexOf('://', from);
    const length = userInfoLength(text.slice(from, at < 0 ? text.length : at), at < 0);
    if (length <= 0) continue;
    shown += `${text.slice(done, from)}***`;
    done = from + length;
  }
  return done === 0 ? text : shown + text.slice(done);
}

/** How much of what follows `://` is user information; `isLast` when the text ends with it, maybe by a cut. */
function userInfoLength(rest: string, isLast: boolean): number {
  const end = rest.search(ends);
  const url = end < 0 ? rest : rest.slice(0, end);
  const slash = url.search(/[/?#]/);
  const authority = slash < 0 ? url : url.slice(0, slash);
  const at = authority.lastIndexOf('@');
  if (at >= 0 || !hasPassword(authority)) return at;
  // That was a password with a `/` in it, or the text ends before the `@`.
  const later = url.lastIndexOf('@');
  return later < 0 && end < 0 && isLast ? url.length : later;
}

/** Whether what follows the first colon can be no port. An address of version 6 has brackets. */
function hasPassword(authority: string): boolean {
  const colon = authority.indexOf(':');
  return colon > 0 && !authority.startsWith('[') && !/^\d*$/.test(authority.slice(colon + 1));
}
