import { InvalidArgumentError } from '../errors.js';
import { isSecretArgument, revealed } from '../secrets.js';
import { hidden } from './hidden-value.js';

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
