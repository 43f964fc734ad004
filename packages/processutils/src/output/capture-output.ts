import { BoundedCapture } from './bounded-capture.js';
import type { OutputCapture } from './output-capture.js';
import { BytesCapture, TextCapture } from './whole-capture.js';

/** A capture of everything, or of `limit` bytes; `binary` says which of `bytes` and `text` will be asked for. */
export function captureOutput(limit: number, binary: boolean): OutputCapture {
  if (limit !== Number.POSITIVE_INFINITY) return new BoundedCapture(limit);
  return binary ? new BytesCapture() : new TextCapture();
}
