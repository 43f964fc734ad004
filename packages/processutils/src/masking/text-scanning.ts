// Reading texts as Python's regular expressions do: its case folding, its white space, its letters.

// The letters outside ASCII that Python's re.IGNORECASE takes for an ASCII letter.
const strangers = /[\u0130\u0131\u017f\u212a]/g;
const equals: Record<string, string> = { '\u0130': 'i', '\u0131': 'i', '\u017f': 's', '\u212a': 'k' };

/** The text in lower case, character for character, so that positions in it are positions in the text. */
export function foldCase(text: string): string {
  return text.replace(strangers, (letter) => equals[letter] ?? letter).toLowerCase();
}

/** What a quoted value begins and ends with. */
export const bothQuotes = '\'"';

/** Whether it is one of {@link bothQuotes}. */
export function isQuote(character: string | undefined): boolean {
  return character === '"' || character === "'";
}

/** Whether it is one of the characters of `set`. */
export function isOneOf(character: string | undefined, set: string): boolean {
  return character !== undefined && set.includes(character);
}

/** Where the next character of `set` is; -1 when there is none. */
export function find(text: string, from: number, set: string): number {
  for (let at = from; at < text.length; at += 1) if (isOneOf(text[at], set)) return at;
  return -1;
}

/** Past digits. */
export function skipDigits(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code >= 0x30 && code <= 0x39; code = text.charCodeAt(at)) at += 1;
  return at;
}

/** Past what `[A-z]` matches, which includes `[ \ ] ^ _` and the backtick. */
export function skipLetters(text: string, from: number): number {
  let at = from;
  for (let code = text.charCodeAt(at); code >= 0x41 && code <= 0x7a; code = text.charCodeAt(at)) at += 1;
  return at;
}

// White space as Python's str.isspace has it, which is not JavaScript's: four separators more, U+FEFF not.
const widerSpaces = /[\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  return at < text.length && widerSpaces.test(text[at] ?? '');
}

/** Past white space. */
export function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text, at)) at += 1;
  return at;
}

/** Past everything but white space and the characters of `stops`. */
export function skipUntil(text: string, from: number, stops: string): number {
  let at = from;
  while (at < text.length && !isSpace(text, at) && !isOneOf(text[at], stops)) at += 1;
  return at;
}

/** From a closing quote over `: "`, to where the value begins; -1 when it is written otherwise. */
export function afterColon(text: string, quote: number, unicodePrefix: boolean): number {
  if (!isQuote(text[quote])) return -1;
  let at = skipSpace(text, quote + 1);
  if (text[at] !== ':') return -1;
  at = skipSpace(text, at + 1);
  if (unicodePrefix && text[at] === 'u') at += 1;
  return isQuote(text[at]) ? at + 1 : -1;
}

/** From a closing quote over a comma, to what follows; -1 when it is written otherwise. */
export function afterComma(text: string, from: number): number {
  const at = skipSpace(text, from);
  return text[at] === ',' ? skipSpace(text, at + 1) : -1;
}

/** Asked with rising positions, says where the last quote before each is. One pass over the text in all. */
export function previousQuote(text: string): (before: number) => number {
  let scanned = 0;
  let last = -1;
  return (before) => {
    for (; scanned < before; scanned += 1) if (isQuote(text[scanned])) last = scanned;
    return last;
  };
}
