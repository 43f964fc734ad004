import {
  afterColon,
  afterComma,
  bothQuotes,
  find,
  isOneOf,
  isQuote,
  previousQuote,
  skipDigits,
  skipLetters,
  skipSpace,
  skipUntil,
} from './text-scanning.js';

/** What to replace: the characters from `from` up to `to`; `erase` leaves nothing in their place. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly erase?: true;
}

/** Finds, from left to right and without overlap, the values of one key in one way of writing. */
export type PasswordShape = (folded: string, key: string) => Iterable<Span>;

// Every shape is one of oslo.utils' regular expressions, turned into a scan from each occurrence of the key. A scan
// goes over runs (digits, white space, letters) that no other occurrence of the key shares, or up to a delimiter; the
// latter can be shared by many occurrences only if each of them has no such delimiter, so that every one but the last
// ends at its successor's. Hence each shape is linear in the text.

/** A match: where it begins and ends, and the value between. */
interface Match {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** Applies `match` to each occurrence of the key that begins, with what belongs in front of it, after the last match. */
function* everyMatch(text: string, key: string, match: (at: number) => Match | undefined): Generator<Match> {
  let done = 0;
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at + 1)) {
    if (at < done) continue;
    const found = match(at);
    if (found === undefined || found.start < done) continue;
    done = found.end;
    yield found;
  }
}

/** `key = "value"`, closed by any of `quotes`; with `assigned` false `key "value"`. */
function quotedValue(quotes: string, assigned: boolean): PasswordShape {
  return (text, key) =>
    everyMatch(text, key, (at) => {
      const name = skipDigits(text, at + key.length);
      let from = skipSpace(text, name);
      if (assigned) {
        if (text[from] !== '=') return undefined;
        from = skipSpace(text, from + 1);
      } else if (from === name) {
        return undefined;
      }
      if (!isOneOf(text[from], quotes)) return undefined;
      from += 1;
      const to = find(text, from, quotes);
      return to < 0 ? undefined : { start: at, from, to, end: to + 1 };
    });
}

/** `--key value` */
const flag: PasswordShape = (text, key) =>
  everyMatch(text, key, (at) => {
    if (text[at - 1] !== '-' || text[at - 2] !== '-') return undefined;
    const name = skipDigits(text, at + key.length);
    const from = skipSpace(text, name);
    if (from === name) return undefined;
    const to = skipUntil(text, from, '\'"^=');
    return to === from ? undefined : { start: at - 2, from, to, end: skipSpace(text, to) };
  });

/** `<key>value</key>`; the numbers after the two may differ */
const xml: PasswordShape = (text, key) =>
  everyMatch(text, key, (at) => {
    const name = skipDigits(text, at + key.length);
    if (text[at - 1] !== '<' || text[name] !== '>') return undefined;
    const from = name + 1;
    const to = text.indexOf('<', from);
    if (to < 0 || !text.startsWith(`</${key}`, to)) return undefined;
    const close = skipDigits(text, to + 2 + key.length);
    return text[close] === '>' ? { start: at - 1, from, to, end: close + 1 } : undefined;
  });

/** `"key": "value"` */
const json: PasswordShape = (text, key) =>
  everyMatch(text, key, (at) => {
    if (!isQuote(text[at - 1])) return undefined;
    const from = afterColon(text, skipDigits(text, at + key.length), false);
    if (from < 0) return undefined;
    const to = find(text, from, bothQuotes);
    return to < 0 ? undefined : { start: at - 1, from, to, end: to + 1 };
  });

/** `'some_key': u'value'` */
const dictionary: PasswordShape = (text, key) => {
  const quoteBefore = previousQuote(text);
  return everyMatch(text, key, (at) => {
    const from = afterColon(text, skipDigits(text, at + key.length), true);
    if (from < 0) return undefined;
    const start = quoteBefore(at);
    const to = find(text, from, bothQuotes);
    return start < 0 || to < 0 ? undefined : { start, from, to, end: to + 1 };
  });
};

/** `'some_key', '--flag', 'value'`, the repr of a list of arguments */
const argumentList: PasswordShape = (text, key) => {
  const quoteBefore = previousQuote(text);
  return everyMatch(text, key, (at) => {
    const name = skipDigits(text, at + key.length);
    if (!isQuote(text[name])) return undefined;
    let from = afterComma(text, name + 1);
    if (from < 0 || text[from] !== "'" || text[from + 1] !== '-') return undefined;
    const letters = text[from + 2] === '-' ? from + 3 : from + 2;
    const word = skipLetters(text, letters);
    if (word === letters || text[word] !== "'") return undefined;
    from = afterComma(text, word + 1);
    if (from < 0) return undefined;
    if (text[from] === 'u') from += 1;
    if (!isQuote(text[from])) return undefined;
    from += 1;
    const start = quoteBefore(at);
    const to = find(text, from, bothQuotes);
    return start < 0 || to < 0 ? undefined : { start, from, to, end: to + 1 };
  });
};

/** `key --flag value` */
const flagAfterKey: PasswordShape = (text, key) =>
  everyMatch(text, key, (at) => {
    const dash = skipSpace(text, skipDigits(text, at + key.length));
    if (text[dash] !== '-') return undefined;
    const letters = text[dash + 1] === '-' ? dash + 2 : dash + 1;
    const word = skipLetters(text, letters);
    if (word === letters) return undefined;
    const from = skipSpace(text, word);
    if (from < text.length) {
      const to = skipUntil(text, from, '');
      return { start: at, from, to, end: skipSpace(text, to) };
    }
    // Nothing follows the flag: the expression gives up the flag's last letter and calls that the value.
    return word - letters > 1 ? { start: at, from: word - 1, to: word, end: from } : undefined;
  });

/** `key=value` */
const assignment: PasswordShape = (text, key) =>
  everyMatch(text, key, (at) => {
    const equals = skipSpace(text, skipDigits(text, at + key.length));
    if (text[equals] !== '=') return undefined;
    const from = skipSpace(text, equals + 1);
    const to = skipUntil(text, from, '\'"^');
    return to === from ? undefined : { start: at, from, to, end: to };
  });

/**
 * The wildcard, for values with quotes inside: after `'some_key': 'value'` it erases what follows the last but one
 * quote of the whole text, up to and with the last. oslo loses text here that is no secret; so do we.
 */
const wildcard: PasswordShape = function* (text, key) {
  const last = Math.max(text.lastIndexOf('"'), text.lastIndexOf("'"));
  if (last < 1) return;
  const lastButOne = Math.max(text.lastIndexOf('"', last - 1), text.lastIndexOf("'", last - 1));
  const quoteBefore = previousQuote(text);
  for (const _ of everyMatch(text, key, (at) => {
    const value = afterColon(text, skipDigits(text, at + key.length), true);
    if (value < 0 || lastButOne < value) return undefined;
    const start = quoteBefore(at);
    if (start < 0) return undefined;
    return { start, from: lastButOne + 1, to: last + 1, end: last + 1 };
  })) {
    yield { from: lastButOne + 1, to: last + 1, erase: true };
  }
};

/** The ways of writing, in oslo.utils' order, but for the one that depends on how the whole text ends. */
export const lineShapes: readonly PasswordShape[] = [
  quotedValue(bothQuotes, true),
  quotedValue('"', true),
  quotedValue("'", true),
  quotedValue(bothQuotes, false),
  flag,
  xml,
  json,
  dictionary,
  argumentList,
  flagAfterKey,
  assignment,
];

/** All ways of writing, in oslo.utils' order. */
export const passwordShapes: readonly PasswordShape[] = [...lineShapes, wildcard];
