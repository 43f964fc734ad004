import type { Masker } from '../masking/masker.js';
import { decodeText, incompleteTail } from './text-decoding.js';

/** Collects what a stream brings. One of `bytes`, `text` and `shown` may be called, once, at the end. */
export interface OutputCapture {
  add(chunk: Buffer): void;
  bytes(): Buffer;
  text(): string;
  /** The text for an error or a log. No part of a long text is held more than twice, for a moment. */
  shown(mask: Masker): string;
  /** The text as data of which a secret is masked. */
  sanitized(mask: Masker): string;
  /** How many bytes were not kept, because of a limit. */
  readonly leftOut: number;
}

const smallPiece = 16 * 1024;

/** Adds a piece to a list, joining small ones: a program that writes byte by byte must not cost an object a byte. */
export function pushMerged(pieces: Buffer[], piece: Buffer): void {
  const last = pieces.at(-1);
  if (last !== undefined && piece.length < 1024 && last.length < smallPiece) {
    pieces[pieces.length - 1] = Buffer.concat([last, piece]);
  } else {
    pieces.push(piece);
  }
}

/** How many bytes are decoded at once. */
export const decodeAt = 1024 * 1024;

/** The text of these pieces, which are taken out of the list as they are decoded. */
export function* decodedParts(chunks: Buffer[]): Generator<string> {
  chunks.reverse();
  let begun: Buffer[] = [];
  let length = 0;
  for (let chunk = chunks.pop(); chunk !== undefined; chunk = chunks.pop()) {
    // A large one is not decoded as a whole: its text would stand beside all of it.
    if (chunk.length > decodeAt) {
      chunks.push(chunk.subarray(decodeAt));
      chunk = chunk.subarray(0, decodeAt);
    }
    begun.push(chunk);
    length += chunk.length;
    if (length < decodeAt) continue;
    const piece = Buffer.concat(begun);
    const cut = piece.length - incompleteTail(piece);
    yield decodeText(piece.subarray(0, cut));
    begun = [Buffer.from(piece.subarray(cut))];
    length = piece.length - cut;
  }
  yield decodeText(Buffer.concat(begun));
}
