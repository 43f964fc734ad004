import { mentionsKey } from './mask-keys.js';
import { type OpenValue, openValue } from './open-value.js';

/** How pieces of a text are masked: the last one, and one that others follow. */
export interface PieceMasker {
  last(text: string): string;
  other(text: string): string;
  /** The length of the longest text that must be seen whole to be found. */
  readonly longest: number;
}

// Masked at once. What becomes of pieces this small is freed as soon as it is not needed any more; larger ones would pile up.
const pieceLength = 64 * 1024;
// What is looked at on either side of a place where the text might be cut.
const around = 2048;
// How many places are tried before more of the text is waited for.
const tries = 40;

/**
 * The masked text of these parts, each of which is let go of as soon as it is masked, so that a long text takes the memory
 * of itself and of what comes of it, not of a copy for every key.
 *
 * It is cut only where that changes nothing: at white space, or behind a value of JSON, where masking what is around it
 * gives the same in one piece or in two, and where no value is open. Where there is no such place the pieces grow.
 */
export function maskPieces(parts: Iterable<string>, masker: PieceMasker): string {
  let masked = '';
  let text = '';
  let enough = pieceLength;
  // Looking for a cut goes through the whole text. It is tried again when the text has doubled, or masking would take the
  // square of its length.
  let partAt = 1;
  let skipped: OpenValue | undefined;
  for (const part of slices(parts)) {
    // Where one part ends the text can be cut without a copy.
    if (text.length >= partAt && skipped === undefined) {
      if (mayPart(text, part, masker)) {
        masked += masker.other(text);
        text = part;
        partAt = 1;
        continue;
      }
      partAt = 2 * text.length;
    }
    text += part;
    if (skipped !== undefined) {
      const end = endOf(text, skipped);
      text = end < 0 ? '' : text.slice(end);
      if (end >= 0) skipped = undefined;
    }
    if (text.length < enough) continue;
    const cut = placeToCut(text, masker);
    if (cut > 0) {
      masked += masker.other(text.slice(0, cut));
      text = text.slice(cut);
      enough = pieceLength;
      partAt = 1;
      continue;
    }
    skipped = openValue(text);
    if (skipped === undefined) {
      enough = text.length * 2;
      continue;
    }
    // A value of this length is never shown; there is no need to keep it.
    masked += masker.other(text.slice(0, skipped.from)).concat('***');
    text = '';
    enough = pieceLength;
    partAt = 1;
  }
  return skipped === undefined ? masked + masker.last(text) : masked;
}

// After this many characters the parts that were masked are collected.
const collectAfter = 2 * 1024 * 1024;

function* slices(parts: Iterable<string>): Generator<string> {
  let given = 0;
  for (const part of parts) {
    for (let from = 0; from < part.length; from += pieceLength) {
      given += pieceLength;
      if (given % collectAfter === 0) askForCollection();
      yield part.slice(from, from + pieceLength);
    }
  }
}

/**
 * V8 collects late what is large and old, up to when it has as much again. An allocation outside its heap makes it collect now.
 * That memory is never written to, so it takes addresses and no pages.
 */
function askForCollection(): void {
  new ArrayBuffer(128 * 1024 * 1024);
}

function endOf(text: string, { closedBy }: OpenValue): number {
  return text.indexOf(closedBy);
}

function placeToCut(text: string, masker: PieceMasker): number {
  const margin = marginOf(masker);
  const last = text.length - margin;
  for (const ends of [['\n'], [' ', '",', "',"]]) {
    let before = last;
    for (let left = tries; left > 0 && before > 0; left -= 1) {
      const [at, length] = lastOf(text, ends, before);
      if (at <= 0) break;
      const cut = at + length;
      if (changesNothing(text, cut, margin, masker)) return cut;
      before = at - 1;
    }
  }
  return 0;
}

/**
 * Whether two texts that follow each other can be masked one by one. Between them may be no white space: then a value
 * without quotes may go through both, if the word that the first one ends with began it, however far away.
 */
function mayPart(before: string, after: string, masker: PieceMasker): boolean {
  let word = before.length;
  while (word > 0 && !/\s/.test(before[word - 1] ?? '')) word -= 1;
  const margin = marginOf(masker);
  const end = before.slice(word);
  if (end.length > margin && (end.includes('://') || mentionsKey(end))) return false;
  // What is too short to look at has no end that could be trusted.
  if (before.length < margin || after.length < margin) return false;
  return isSame(before.slice(-margin), after.slice(0, margin), masker) && openValue(before) === undefined;
}

function marginOf({ longest }: PieceMasker): number {
  return Math.max(around, 2 * longest);
}

function lastOf(text: string, ends: readonly string[], before: number): [at: number, length: number] {
  return ends
    .map((end): [number, number] => [text.lastIndexOf(end, before), end.length])
    .reduce((latest, found) => (found[0] > latest[0] ? found : latest));
}

function changesNothing(text: string, cut: number, margin: number, masker: PieceMasker): boolean {
  const before = text.slice(Math.max(0, cut - margin), cut);
  const after = text.slice(cut, cut + margin);
  return isSame(before, after, masker) && openValue(text.slice(0, cut)) === undefined;
}

function isSame(before: string, after: string, { other }: PieceMasker): boolean {
  return other(before + after) === other(before) + other(after);
}
