import { decodeText, incompleteTail } from './text-decoding.js';

/** Collects what a stream brings. `bytes` and `text` may each be called once, at the end. */
export interface OutputCapture {
  add(chunk: Buffer): void;
  bytes(): Buffer;
  text(): string;
  /** How many bytes were not kept, because of a limit. */
  readonly leftOut: number;
}

/** Everything, as bytes; costs twice the output for the moment in which the pieces are joined. */
class BytesCapture implements OutputCapture {
  readonly leftOut = 0;
  #chunks: Buffer[] = [];

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  bytes(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [];
    return joined;
  }

  text(): string {
    return decodeText(this.bytes());
  }
}

const decodeAt = 1024 * 1024;

/** Everything, as text: decoded piece by piece, so that bytes and text of a large output are never both in memory. */
class TextCapture implements OutputCapture {
  readonly leftOut = 0;
  #text = '';
  #chunks: Buffer[] = [];
  #pending = 0;

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#pending += chunk.length;
    if (this.#pending < decodeAt) return;
    const piece = Buffer.concat(this.#chunks);
    const cut = piece.length - incompleteTail(piece);
    this.#text += decodeText(piece.subarray(0, cut));
    const rest = Buffer.from(piece.subarray(cut));
    this.#chunks = [rest];
    this.#pending = rest.length;
  }

  text(): string {
    return this.#text + decodeText(Buffer.concat(this.#chunks));
  }

  bytes(): Buffer {
    return Buffer.from(this.text());
  }
}

/**
 * The first and the last half of `limit` bytes. The tail is a list of pieces, of which whole ones are dropped from the
 * front: it holds less than one piece too much, and never copies what it keeps.
 */
class BoundedCapture implements OutputCapture {
  leftOut = 0;
  readonly #headSize: number;
  readonly #tailSize: number;
  #head: Buffer[] = [];
  #headLength = 0;
  #tail: Buffer[] = [];
  #tailLength = 0;

  constructor(limit: number) {
    this.#headSize = Math.ceil(limit / 2);
    this.#tailSize = limit - this.#headSize;
  }

  add(chunk: Buffer): void {
    const room = this.#headSize - this.#headLength;
    if (room > 0) {
      const first = chunk.subarray(0, room);
      this.#head.push(first);
      this.#headLength += first.length;
    }
    if (chunk.length <= room) return;
    const rest = room > 0 ? chunk.subarray(room) : chunk;
    this.#tail.push(rest);
    this.#tailLength += rest.length;
    for (let first = this.#tail[0]; first !== undefined; first = this.#tail[0]) {
      if (this.#tailLength - first.length < this.#tailSize) break;
      this.#tail.shift();
      this.#tailLength -= first.length;
      this.leftOut += first.length;
    }
  }

  #parts(): [Buffer, Buffer] {
    const head = Buffer.concat(this.#head);
    const joined = Buffer.concat(this.#tail);
    const tail = joined.subarray(Math.max(0, joined.length - this.#tailSize));
    this.leftOut += joined.length - tail.length;
    this.#tail = [tail];
    this.#tailLength = tail.length;
    return [head, tail];
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts());
  }

  text(): string {
    const [head, tail] = this.#parts();
    if (this.leftOut === 0) return decodeText(Buffer.concat([head, tail]));
    return `${decodeText(head)}\n[truncated: ${this.leftOut} bytes left out]\n${decodeText(tail)}`;
  }
}

/** A capture of everything, or of `limit` bytes; `binary` says which of `bytes` and `text` will be asked for. */
export function captureOutput(limit: number, binary: boolean): OutputCapture {
  if (limit !== Number.POSITIVE_INFINITY) return new BoundedCapture(limit);
  return binary ? new BytesCapture() : new TextCapture();
}
