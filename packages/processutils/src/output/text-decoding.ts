import { isUtf8 } from 'node:buffer';

/**
 * Bytes as text, losing nothing: a byte that is no UTF-8 becomes the lone surrogate U+DC80..U+DCFF of its value, as
 * Python's `surrogateescape` does, and {@link encodeText} turns it back into that byte.
 */
export function decodeText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  // One unit of UTF-16 a byte is always enough. A piece of text for each wrong byte would take a hundred times as long.
  const units = Buffer.allocUnsafe(2 * Math.min(buffer.length, pieceSize));
  const parts: string[] = [];
  let used = 0;
  const put = (unit: number): void => {
    units[used] = unit & 0xff;
    units[used + 1] = unit >> 8;
    used += 2;
  };
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    if (length < 2) put(length === 1 ? (buffer[at] ?? 0) : 0xdc00 + (buffer[at] ?? 0));
    else {
      const point = codePointAt(buffer, at, length);
      if (point < 0x10000) put(point);
      else {
        put(0xd7c0 + (point >> 10));
        put(0xdc00 + (point & 0x3ff));
      }
    }
    at += Math.max(1, length);
    if (used > units.length - 4 || at >= buffer.length) {
      parts.push(units.toString('utf16le', 0, used));
      used = 0;
    }
  }
  return parts.join('');
}

// Decoded at once; even, so that a piece has room for both halves of a pair.
const pieceSize = 64 * 1024;

function codePointAt(bytes: Buffer, at: number, length: number): number {
  let point = (bytes[at] ?? 0) & (0xff >> (length + 1));
  for (let next = 1; next < length; next += 1) point = (point << 6) | ((bytes[at + next] ?? 0) & 0x3f);
  return point;
}

/** The bytes of a text, the inverse of {@link decodeText}. Other lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  if (!/\p{Cs}/u.test(text)) return Buffer.from(text, 'utf8');
  const parts: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + pieceSize, text.length);
    // Not between the halves of a pair.
    if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
    parts.push(encodePiece(text.slice(start, end)));
    start = end;
  }
  return Buffer.concat(parts);
}

function encodePiece(text: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(3 * text.length);
  let used = 0;
  let from = 0;
  const copy = (to: number): void => {
    if (to > from) used += bytes.write(text.slice(from, to), used, 'utf8');
  };
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if ((unit & 0xf800) !== 0xd800) continue;
    if (unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      at += 1;
    } else if (unit >= 0xdc80 && unit <= 0xdcff) {
      copy(at);
      bytes[used] = unit - 0xdc00;
      used += 1;
      from = at + 1;
    }
  }
  copy(text.length);
  return bytes.subarray(0, used);
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
