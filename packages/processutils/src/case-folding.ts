// The letters outside ASCII that Python's re.IGNORECASE takes for an ASCII letter.
const strangers = /[\u0130\u0131\u017f\u212a]/g;
const equals: Record<string, string> = { '\u0130': 'i', '\u0131': 'i', '\u017f': 's', '\u212a': 'k' };

/** The text in lower case, character for character, so that positions in it are positions in the text. */
export function foldCase(text: string): string {
  return text.replace(strangers, (letter) => equals[letter] ?? letter).toLowerCase();
}
