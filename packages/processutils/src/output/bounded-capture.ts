import type { Masker } from '../masking/masker.js';
import { openValue, withoutOpenStart } from '../masking/open-value.js';
import { decodedParts, type OutputCapture, pushMerged } from './output-capture.js';
import { decodeText } from './text-decoding.js';

/**
 * The first and the last half of `limit` bytes. The tail is a ring into which pieces are copied: were they kept, each
 * would outlive the young generation, and a long stream would fill the memory with garbage that is collected late.
 */
export class BoundedCapture implements OutputCapture {
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
