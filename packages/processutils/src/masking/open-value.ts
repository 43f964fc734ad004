import { sanitizedKeys } from './mask-keys.js';
import { lineShapes } from './password-shapes.js';
import { foldCase, isOneOf } from './text-scanning.js';

// Between a key and its value there is no more than this.
const context = 1024;

/** A value that begins in a text and does not end in it. */
export interface OpenValue {
  readonly from: number;
  /** The characters of which the first ends it. */
  readonly closedBy: string;
}

/**
 * The value of a key that a cut has left without its end: quoted, or between two tags. As oslo's patterns want that end,
 * they find no such value.
 *
 * The quote that opens it is the last of its kind, so that few places have to be looked at, however long the text is.
 */
export function openValue(text: string): OpenValue | undefined {
  const found = [openQuote(text, '"'), openQuote(text, "'"), openTag(text)];
  return found.reduce((first, value) =>
    value !== undefined && value.from < (first?.from ?? Number.POSITIVE_INFINITY) ? value : first,
  );
}

function openQuote(text: string, quote: string): OpenValue | undefined {
  const at = text.lastIndexOf(quote);
  if (at < 0) return undefined;
  // Closed at once, it would be an empty value there.
  const around = `${foldCase(text.slice(Math.max(0, at - context), at + 1))}${quote}`;
  const value = around.length - 1;
  for (const key of sanitizedKeys) {
    if (!around.includes(key)) continue;
    for (const shape of lineShapes) {
      for (const { from } of shape(around, key)) if (from === value) return { from: at + 1, closedBy: quote };
    }
  }
  return undefined;
}

function openTag(text: string): OpenValue | undefined {
  let at = text.lastIndexOf('<');
  // The cut may have gone through the closing tag.
  if (at > 0 && text[at + 1] === '/' && text.indexOf('>', at) < 0) at = text.lastIndexOf('<', at - 1);
  if (at < 0) return undefined;
  const close = text.indexOf('>', at);
  if (close < 0 || close - at > 100) return undefined;
  const name = foldCase(text.slice(at + 1, close)).replace(/\d+$/, '');
  return sanitizedKeys.includes(name) ? { from: close + 1, closedBy: '<' } : undefined;
}

/** The text without what belongs to a value that began before it: a cut was there, and what it went through is unknown. */
export function withoutOpenStart(text: string, value: OpenValue | undefined): string {
  if (value !== undefined) {
    const end = text.search(value.closedBy === '<' ? /</ : value.closedBy === '"' ? /"/ : /'/);
    return end < 0 ? '' : text.slice(end);
  }
  const tag = openedBefore(text);
  const quote = closingQuote(text);
  return text.slice(Math.max(tag, quote, 0));
}

/** Where the first tag is, when it closes a key; -1 else. */
function openedBefore(text: string): number {
  const at = text.indexOf('<');
  const close = /^<\/([a-z_]+)\d*>/i.exec(text.slice(at, at + 100))?.[1];
  return at >= 0 && close !== undefined && sanitizedKeys.includes(foldCase(close)) ? at : -1;
}

/**
 * Where a quote is that closes something which nothing in the text has opened; -1 when there is none. A quote opens when
 * a word follows it and none precedes it, and closes when it is the other way round; an apostrophe has words on both sides.
 */
function closingQuote(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    const quote = text[at] as string;
    if (quote !== '"' && quote !== "'") continue;
    const next = text[at + 1];
    const closes = next === undefined || isOneOf(next, ' \t\r\n,;:.)]}>') || next === quote;
    if (closes) return at;
    const previous = text[at - 1];
    const opens = previous === undefined || isOneOf(previous, ' \t\r\n,;:=([{<');
    const end = opens ? text.indexOf(quote, at + 1) : -1;
    if (end > 0) at = end;
  }
  return -1;
}
