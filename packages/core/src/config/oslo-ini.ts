import { parse } from 'ini';

/** The value that a file gives an option, and the line in which it begins. */
export interface IniValue {
  readonly text: string;
  readonly line: number;
}

/** The value of an option, or `undefined` if the file does not set it. Section names are in lower case, except `DEFAULT`. */
export type IniLookup = (section: string, key: string) => IniValue | undefined;

/**
 * Reads INI text as oslo.config does. Throws a `SyntaxError` with the number of the line that oslo.config would refuse.
 *
 * `ini` keeps the sections and decides which of two assignments counts. Its syntax for lines differs (comments and escapes
 * inside values, dotted sections, `null`, arrays), and a silent difference would put a Node service and a Python service
 * on two directories. So this function reads each line by oslo's rules, and passes names and values to `ini` in an encoding
 * without any character that has a meaning to `ini`.
 */
export function parseOsloIni(text: string): IniLookup {
  const lines: string[] = [];
  let inSection = false;
  let key: string | undefined;
  let value: string[] = [];
  let keyLine = 0;
  const finishEntry = (): void => {
    if (key !== undefined) lines.push(`${encoded(key)}=${keyLine}${marker}${encoded(value.join('\n'))}`);
    key = undefined;
  };
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const refuse = (problem: string): SyntaxError => new SyntaxError(`line ${index + 1}: ${problem}`);
    const line = trimmedEnd(raw);
    if (line === '') {
      finishEntry();
    } else if (/^[ \t]/.test(line)) {
      if (key === undefined) throw refuse('is indented, but there is no value before it to continue');
      value.push(trimmed(line));
    } else if (line.startsWith('[')) {
      finishEntry();
      const name = line.slice(1, -1);
      if (!line.endsWith(']') || name === '') throw refuse('is not a section of the form [name]');
      lines.push(`[${encoded(name === 'DEFAULT' ? name : name.toLowerCase())}]`);
      inSection = true;
    } else if (/^[#;]/.test(line)) {
      finishEntry();
    } else {
      finishEntry();
      if (line.startsWith('\ufeff')) throw refuse('begins with a byte order mark, which oslo.config refuses too');
      if (!inSection) throw refuse('is before the first [section]');
      const split = line.search(/[=:]/);
      if (split < 0) throw refuse('is neither a section, nor a comment, nor key = value');
      key = trimmed(line.slice(0, split));
      if (key === '') throw refuse('has no key before the sign');
      value = [unquoted(trimmed(line.slice(split + 1)))];
      keyLine = index + 1;
    }
  }
  finishEntry();
  const sections = parse(lines.join('\n')) as {
    readonly [name: string]: { readonly [key: string]: string } | undefined;
  };
  return (section, wanted) => {
    const found = sections[encoded(section)]?.[encoded(wanted)];
    if (found === undefined) return undefined;
    const start = found.indexOf(marker);
    return { text: decodeURIComponent(found.slice(start + marker.length)), line: Number(found.slice(0, start)) };
  };
}

// The marker stands between the line number and the value, so that `ini` reads no value as `true` or `null`.
const marker = '+';

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*.]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function unquoted(value: string): string {
  const quote = value[0];
  return (quote === '"' || quote === "'") && value.endsWith(quote) ? value.slice(1, -1) : value;
}

// The white space of Python's str.strip(). JavaScript's trim() also removes U+FEFF, but not U+001C-1F and U+0085.
const space = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const spaces = new RegExp(space);
const spaceAtStart = new RegExp(`^${space}+`);
const trimmed = (text: string): string => trimmedEnd(text).replace(spaceAtStart, '');

// No expression that ends in `$`: it would start again at each space of a long run in the middle.
function trimmedEnd(text: string): string {
  let end = text.length;
  while (end > 0 && spaces.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}
