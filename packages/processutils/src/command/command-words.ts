import { InvalidArgumentError } from '../errors/argument-errors.js';
import { sanitizedKeys } from '../masking/mask-keys.js';
import type { Masker } from '../masking/masker.js';
import { lineShapes, type Span } from '../masking/password-shapes.js';
import { foldCase } from '../masking/text-scanning.js';
import { isSecretArgument, revealed } from '../secrets.js';
import { hidden } from './masked-misuse.js';

/** A word of a command: the program, or an argument. */
export interface CommandWord {
  readonly text: string;
  readonly secret: boolean;
}

/** The program and its arguments as words. @throws InvalidArgumentError, which shows none of them. */
export function checkWords(file: unknown, args: unknown): readonly [CommandWord, ...CommandWord[]] {
  if (!Array.isArray(args)) throw new InvalidArgumentError('args', 'an array', hidden(args));
  // Not `map`, which leaves out the holes of an array.
  return [checkWord('file', file), ...Array.from(args, (word: unknown, index) => checkWord(`args[${index}]`, word))];
}

function checkWord(name: string, word: unknown): CommandWord {
  const secret = isSecretArgument(word);
  const text = secret ? revealed(word) : typeof word === 'number' && name !== 'file' ? String(word) : word;
  if (typeof text !== 'string' || text.includes('\0') || (name === 'file' && text === '')) {
    const expected = name === 'file' ? 'the name or path of a program' : 'a string, a number or a secret()';
    throw new InvalidArgumentError(name, `${expected}, without NUL`, hidden(word));
  }
  return { text, secret };
}

/**
 * The command line as it may be shown.
 *
 * Its words are known one by one, so a value that has spaces in it is masked to the end of its word, where a pattern for
 * texts, oslo's, takes the first space for its end. The `program` is no such word: for a shell it is a whole script.
 */
export function shownCommand(words: readonly CommandWord[], program: number, mask: Masker): string {
  const text = words.map((word) => word.text).join(' ');
  const hidden: Span[] = mask.secretsIn(text);
  let from = 0;
  const places = words.map((word) => {
    const place = { word, from, to: from + word.text.length };
    from = place.to + 1;
    return place;
  });
  const args = places.filter((_place, index) => index !== program);
  for (const [index, { word, from, to }] of args.entries()) {
    const valueAt = word.secret
      ? 0
      : valueIn(word.text, args[index - 1]?.word.text ?? '', args[index - 2]?.word.text ?? '');
    if (valueAt !== undefined) hidden.push({ from: from + valueAt, to });
  }
  const folded = foldCase(text);
  for (const key of sanitizedKeys) {
    if (!folded.includes(key)) continue;
    for (const shape of lineShapes) {
      for (const { from } of shape(folded, key)) {
        const place = args.find((one) => one.from <= from && from < one.to);
        // Behind a space within the word the value has words around it, as in a script that `sh -c` gets.
        if (place !== undefined && !/\s/.test(text.slice(place.from, from))) hidden.push({ from, to: place.to });
      }
    }
  }
  return mask(replaced(text, hidden));
}

/** Where in a word the value of a key begins, by the word itself and the two before it; `undefined` when none does. */
function valueIn(word: string, before: string, second: string): number | undefined {
  if (before.startsWith('-') && isKey(before)) return 0;
  if (before === '=' && isKey(second)) return 0;
  if (before.endsWith('=') && isKey(before.slice(0, -1))) return 0;
  if (/^--?[A-z]+$/.test(before) && isKey(second)) return 0;
  const equals = word.indexOf('=');
  if (equals < 0 || equals === word.length - 1) return undefined;
  return isKey(equals === 0 ? before : word.slice(0, equals)) ? equals + 1 : undefined;
}

/** Whether the name, of a flag or a variable, ends like one of oslo's keys; a `-` stands for a `_`. */
function isKey(name: string): boolean {
  if (/[\s'"]/.test(name)) return false;
  const folded = foldCase(name).replace(/\d+$/, '').replaceAll('-', '_');
  return sanitizedKeys.some((key) => folded.endsWith(key));
}

function replaced(text: string, spans: Span[]): string {
  spans.sort((a, b) => a.from - b.from || b.to - a.to);
  let shown = '';
  let done = 0;
  let last = -1;
  for (const { from, to } of spans) {
    // Two that overlap are one.
    if (last >= 0 && (from < done || from === last)) {
      done = Math.max(done, to);
      continue;
    }
    shown += `${text.slice(done, from)}***`;
    done = to;
    last = from;
  }
  return shown + text.slice(done);
}
