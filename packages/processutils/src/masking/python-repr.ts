/**
 * The text as Python's `repr` writes it: quoted, control and other unprintable characters escaped.
 *
 * Messages use it because oslo's do: logs of both languages can be searched by one pattern, and output of a command
 * cannot forge a line of the log.
 */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"]|[\p{C}\p{Z}]/gu, (character) => {
    if (character === ' ' || (character !== quote && (character === '"' || character === "'"))) return character;
    return escapes.get(character) ?? escapeByNumber(character);
  });
  return `${quote}${body}${quote}`;
}

const escapes = new Map([
  ['\\', '\\\\'],
  ["'", "\\'"],
  ['"', '\\"'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escapeByNumber(character: string): string {
  const number = character.codePointAt(0) ?? 0;
  const hex = number.toString(16);
  if (number < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return number < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

// A message is for reading: of longer output it shows the beginning and the end, the fields of an error hold all of it.
const shownLength = 64 * 1024;

/** The same for a message, shortened, with Python's `None` for nothing. */
export function shortRepr(text: string | undefined): string {
  if (text === undefined) return 'None';
  if (text.length <= shownLength) return pythonRepr(text);
  const half = shownLength / 2;
  const left = text.length - shownLength;
  return `${pythonRepr(text.slice(0, half))} [${left} characters left out] ${pythonRepr(text.slice(-half))}`;
}
