import { constants } from 'node:buffer';
import type { Masker } from '../masking/masker.js';
import { decodeAt, decodedParts, type OutputCapture } from './output-capture.js';
import { decodeText, encodeText, incompleteTail } from './text-decoding.js';

// A block this large has memory of its own, which goes back to the system with it. What is freed in pieces of a pipe's 64 KiB
// stays with the allocator: the text of a failed command then took room beside that of bytes that were gone.
const largestBlock = 8 * 1024 * 1024;

/** Everything, as bytes, in blocks that grow with it; costs twice the output for the moment in which they are joined. */
export class BytesCapture implements OutputCapture {
  readonly leftOut = 0;
  #blocks: Buffer[] = [];
  #length = 0;
  /** How many bytes the last block has left. */
  #room = 0;

  add(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#room === 0) {
        this.#room = Math.max(rest.length, Math.min(this.#length, largestBlock));
        this.#blocks.push(Buffer.allocUnsafeSlow(this.#room));
      }
      const block = this.#blocks.at(-1) as Buffer;
      const copied = rest.copy(block, block.length - this.#room);
      this.#room -= copied;
      this.#length += copied;
      rest = rest.subarray(copied);
    }
  }

  bytes(): Buffer {
    return Buffer.concat(this.#taken());
  }

  #taken(): Buffer[] {
    const last = this.#blocks.pop();
    if (last !== undefined) this.#blocks.push(last.subarray(0, last.length - this.#room));
    const blocks = this.#blocks;
    this.#blocks = [];
    return blocks;
  }

  text(): string {
    return decodeText(this.bytes());
  }

  shown(mask: Masker): string {
    return mask.parts(decodedParts(this.#taken()));
  }

  sanitized(mask: Masker): string {
    return mask.data(this.text());
  }
}

function tooLong(): RangeError {
  return new RangeError(
    `the command has written more text than a string can hold (${constants.MAX_STRING_LENGTH} characters): ` +
      'give maxBuffer, binary, a stream or a line callback',
  );
}

/** Everything, as text: decoded piece by piece, so that bytes and text of a large output are never both in memory. */
export class TextCapture implements OutputCapture {
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
