import { constants } from 'node:buffer';
import { pushMerged } from './output-capture.js';
import { decodeText } from './text-decoding.js';

/**
 * Cuts a stream of bytes into lines and hands each over whole, as text, without its line end (`\n` or `\r\n`).
 *
 * A line of more than `limit` bytes, or of more than a string can hold, is not handed over: `tooLong` is thrown. A
 * piece of a line would be taken for a line.
 */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #limit: number;
  readonly #tooLong: (limit: number) => Error;
  #begun: Buffer[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void, limit: number, tooLong: (limit: number) => Error) {
    this.#onLine = onLine;
    this.#limit = Math.min(limit, constants.MAX_STRING_LENGTH);
    this.#tooLong = tooLong;
  }

  // All lines that a piece completes are decoded together, which costs a fifth of decoding each.
  add(chunk: Buffer): void {
    const end = chunk.lastIndexOf(10);
    this.#hold(end < 0 ? chunk : chunk.subarray(0, end));
    if (end >= 0) {
      this.#handOver();
      if (end + 1 < chunk.length) this.#hold(chunk.subarray(end + 1));
    }
    // One more may be the `\r` of its end.
    if (this.#length > this.#limit + 1) this.#handOver();
  }

  /** Hands over a last line that has no line end. */
  end(): void {
    if (this.#length > 0) this.#handOver();
  }

  #hold(piece: Buffer): void {
    pushMerged(this.#begun, piece);
    this.#length += piece.length;
  }

  #handOver(): void {
    const bytes = this.#begun.length === 1 ? (this.#begun[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#begun);
    this.#begun = [];
    this.#length = 0;
    if (bytes.length > this.#limit) this.#handOverEach(bytes);
    else for (const line of decodeText(bytes).split('\n')) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }

  // Together they are longer than one may be.
  #handOverEach(bytes: Buffer): void {
    for (let from = 0; from <= bytes.length; ) {
      const found = bytes.indexOf(10, from);
      const next = found < 0 ? bytes.length : found;
      const to = next > from && bytes[next - 1] === 13 ? next - 1 : next;
      if (to - from > this.#limit) throw this.#tooLong(this.#limit);
      this.#onLine(decodeText(bytes.subarray(from, to)));
      from = next + 1;
    }
  }
}
