import { isUtf8 } from 'node:buffer';

/**
 * Bytes as text, losing nothing: a byte that is no UTF-8 becomes the lone surrogate U+DC80..U+DCFF of its value, as
 * Python's `surrogateescape` does, and {@link encodeText} turns it back into that byte.
 */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(buffer.toString('utf8', start, at), String.fromCharCode(0xdc00 + (buffer[at] ?? 0)));
    at += 1;
    start = at;
  }
  parts.push(buffer.toString('utf8', start));
  return parts.join('');
}

/** The bytes of a text, the inverse of {@link decodeText}. Other lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  if (!/\p{Cs}/u.test(text)) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  let start = 0;
  for (const match of text.matchAll(/\p{Cs}/gu)) {
    const value = match[0].charCodeAt(0);
    if (value < 0xdc80 || value > 0xdcff) continue;
    parts.push(Buffer.from(text.slice(start, match.index), 'utf8'), Buffer.of(value - 0xdc00));
    start = match.index + 1;
  }
  parts.push(Buffer.from(text.slice(start), 'utf8'));
  return Buffer.concat(parts);
}

// The length of the well-formed UTF-8 sequence at `at`, 0 when there is none (Unicode 15, table 3-7).
function sequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const second = bytes[at + 1] ?? 0;
  if (first >= 0xc2 && first <= 0xdf) return isContinuation(second) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isContinuation(bytes[at + 2]) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    const rest = isContinuation(bytes[at + 2]) && isContinuation(bytes[at + 3]);
    return second >= low && second <= high && rest ? 4 : 0;
  }
  return 0;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** How many bytes at the end of `bytes` are the beginning of a sequence that the next piece may complete: 0 to 3. */
export function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (isContinuation(byte)) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? back : 0;
  }
  return 0;
}
