import { decodeText } from './text-decoding.js';

// A line longer than this comes in pieces of about this size, or one without end would fill the memory.
const longest = 1024 * 1024;

/** Cuts a stream of bytes into lines and hands each over as text, without its line end (`\n` or `\r\n`). */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #begun: Buffer[] = [];
  #length = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  // All lines that a piece completes are decoded together, which costs a fifth of decoding each.
  add(chunk: Buffer): void {
    const end = chunk.lastIndexOf(10);
    this.#hold(end < 0 ? chunk : chunk.subarray(0, end));
    if (end >= 0) {
      this.#handOver();
      if (end + 1 < chunk.length) this.#hold(chunk.subarray(end + 1));
    }
    if (this.#length >= longest) this.#handOver();
  }

  /** Hands over a last line that has no line end. */
  end(): void {
    if (this.#length > 0) this.#handOver();
  }

  #hold(piece: Buffer): void {
    this.#begun.push(piece);
    this.#length += piece.length;
  }

  #handOver(): void {
    const bytes = this.#begun.length === 1 ? (this.#begun[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#begun);
    this.#begun = [];
    this.#length = 0;
    for (const line of decodeText(bytes).split('\n')) this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
