import { constants } from 'node:buffer';
import type { Masker } from '../masking/masker.js';
import { openValue, withoutOpenStart } from '../masking/open-value.js';
import { decodeText, encodeText, incompleteTail } from './text-decoding.js';

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

/** Everything, as bytes; costs twice the output for the moment in which the pieces are joined. */
class BytesCapture implements OutputCapture {
  readonly leftOut = 0;
  #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    pushMerged(this.#chunks, chunk);
  }

  bytes(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return joined;
  }

  text(): string {
    return decodeText(this.bytes());
  }

  shown(mask: Masker): string {
    return mask.parts(decodedParts(this.#chunks));
  }

  sanitized(mask: Masker): string {
    return mask.data(this.text());
  }
}

const decodeAt = 1024 * 1024;

function tooLong(): RangeError {
  return new RangeError(
    `the command has written more text than a string can hold (${constants.MAX_STRING_LENGTH} characters): ` +
      'give maxBuffer, binary, a stream or a line callback',
  );
}

/** Everything, as text: decoded piece by piece, so that bytes and text of a large output are never both in memory. */
class TextCapture implements OutputCapture {
  readonly leftOut = 0;
  #texts: string[] = [];
  #length = 0;
  #chunks: Buffer[] = [];
  #pending = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#pending += chunk.length;
    if (this.#pending < decodeAt) return;
    const piece = Buffer.concat(this.#chunks);
    const cut = piece.length - incompleteTail(piece);
    const text = decodeText(piece.subarray(0, cut));
    // What is decoded at the end has to find room too.
    if (this.#length + text.length > constants.MAX_STRING_LENGTH - decodeAt) throw tooLong();
    this.#texts.push(text);
    this.#length += text.length;
    const rest = Buffer.from(piece.subarray(cut));
    this.#chunks = [rest];
    this.#pending = rest.length;
  }

  text(): string {
    // Not `join`, which copies: a text that is never looked into stays as it came.
    let text = '';
    for (const part of this.#parts()) text += part;
    return text;
  }

  bytes(): Buffer {
    return Buffer.from(encodeText(this.text()));
  }

  shown(mask: Masker): string {
    return mask.parts(this.#parts());
  }

  sanitized(mask: Masker): string {
    return mask.data(this.text());
  }

  *#parts(): Generator<string> {
    const texts = this.#texts.reverse();
    this.#texts = [];
    for (let part = texts.pop(); part !== undefined; part = texts.pop()) yield part;
    yield decodeText(Buffer.concat(this.#chunks));
  }
}

/** The text of these pieces, which are taken out of the list as they are decoded. */
function* decodedParts(chunks: Buffer[]): Generator<string> {
  chunks.reverse();
  let begun: Buffer[] = [];
  let length = 0;
  for (let chunk = chunks.pop(); chunk !== undefined; chunk = chunks.pop()) {
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

/**
 * The first and the last half of `limit` bytes. The tail is a ring into which pieces are copied: were they kept, each
 * would outlive the young generation, and a long stream would fill the memory with garbage that is collected late.
 */
class BoundedCapture implements OutputCapture {
  readonly #headSize: number;
  readonly #tailSize: number;
  readonly #head: Buffer[] = [];
  #headLength = 0;
  #ring: Buffer | undefined;
  /** How many bytes came after the head; the next one goes to this position, modulo the size. */
  #afterHead = 0;

  constructor(limit: number) {
    this.#headSize = Math.ceil(limit / 2);
    this.#tailSize = limit - this.#headSize;
  }

  get leftOut(): number {
    return Math.max(0, this.#afterHead - this.#tailSize);
  }

  add(chunk: Buffer): void {
    const room = this.#headSize - this.#headLength;
    if (room > 0) {
      const first = chunk.subarray(0, room);
      pushMerged(this.#head, first);
      this.#headLength += first.length;
    }
    if (chunk.length > room) this.#addToRing(room > 0 ? chunk.subarray(room) : chunk);
  }

  #addToRing(piece: Buffer): void {
    const size = this.#tailSize;
    this.#ring ??= Buffer.allocUnsafeSlow(size);
    // What would be overwritten at once need not be written.
    const last = piece.subarray(Math.max(0, piece.length - size));
    const at = size === 0 ? 0 : (this.#afterHead + piece.length - last.length) % size;
    const copied = last.copy(this.#ring, at);
    last.copy(this.#ring, 0, copied);
    this.#afterHead += piece.length;
  }

  #parts(): [Buffer, Buffer] {
    const head = Buffer.concat(this.#head);
    const ring = this.#ring ?? Buffer.alloc(0);
    if (this.#afterHead <= this.#tailSize) return [head, ring.subarray(0, this.#afterHead)];
    const oldest = this.#tailSize === 0 ? 0 : this.#afterHead % this.#tailSize;
    return [head, Buffer.concat([ring.subarray(oldest), ring.subarray(0, oldest)])];
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts());
  }

  text(): string {
    const [head, tail] = this.#parts();
    if (this.leftOut === 0) return decodeText(Buffer.concat([head, tail]));
    return this.#joined(decodeText(head), decodeText(tail));
  }

  // A secret that the cut goes through is no longer recognised, nor is a value that the cut parted from its key. So
  // as many characters as the longest secret has, and what remains of the line, are shown on neither side of the cut; and
  // of a value with several lines nothing.
  shown(mask: Masker): string {
    const [head, tail] = this.#parts();
    if (this.leftOut === 0) return mask.parts(decodedParts([head, tail]));
    const before = decodeText(head);
    const after = decodeText(tail);
    const lineStart = before.lastIndexOf('\n', before.length - 1 - mask.longest) + 1;
    const lineEnd = after.indexOf('\n', mask.longest);
    const open = openValue(before);
    const shownHead = mask(before.slice(0, lineStart));
    const shownTail = lineEnd < 0 ? '' : mask(withoutOpenStart(after.slice(lineEnd), open));
    return this.#joined(shownHead, shownTail);
  }

  sanitized(mask: Masker): string {
    return this.leftOut === 0 ? mask.data(this.text()) : this.shown(mask);
  }

  #joined(head: string, tail: string): string {
    return `${head}\n[truncated: ${this.leftOut} bytes left out]\n${tail}`;
  }
}

/** A capture of everything, or of `limit` bytes; `binary` says which of `bytes` and `text` will be asked for. */
export function captureOutput(limit: number, binary: boolean): OutputCapture {
  if (limit !== Number.POSITIVE_INFINITY) return new BoundedCapture(limit);
  return binary ? new BytesCapture() : new TextCapture();
}
