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

  add(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#hold(chunk.subarray(from, end));
      this.#handOver();
      from = end + 1;
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from));
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
    const line = this.#begun.length === 1 ? (this.#begun[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#begun);
    this.#begun = [];
    this.#length = 0;
    this.#onLine(decodeText(line.at(-1) === 13 ? line.subarray(0, -1) : line));
  }
}
