import { Buffer } from 'node:buffer';
import { realTime } from '@oslo-concurrency/core';
import {
  decodeOwnerRecord,
  encodeOwnerRecord,
  maxOwnerRecordBytes,
  type OwnerRecord,
  restampOwnerRecord,
} from '../../owner/owner-record.js';
import type { LockRequest } from '../driver.js';
import type { OpenFile } from './open-file.js';

/**
 * The owner record at a place in a file, and whether it was released: its first byte becomes `-` at release. Whoever
 * finds the `o` still there after being granted that place knows that the owner ended without releasing.
 *
 * `foreign`: the place holds something we did not write, so we never write there; the lock works without a record.
 */
export type Mark =
  | { readonly state: 'none' | 'released' | 'foreign' }
  | { readonly state: 'left'; record?: OwnerRecord };

const released = 0x2d; // -
const magic = Buffer.from('oslo-concurrency owner ');
const buffer = Buffer.alloc(maxOwnerRecordBytes);
const releasedByte = Buffer.from([released]);
const none = { state: 'none' } as const;
const clean = { state: 'released' } as const;
const foreign = { state: 'foreign' } as const;

/** Reads the mark at `position`. The caller holds the lock of that place, or only wants to tell people. */
export function readMark(file: OpenFile, position: number): Mark {
  const read = file.read(buffer, maxOwnerRecordBytes, position);
  // A hole of a sparse file reads as zeros.
  if (read === 0 || buffer[0] === 0) return none;
  if (read < magic.length || buffer.compare(magic, 1, magic.length, 1, magic.length) !== 0) return foreign;
  if (buffer[0] === released) return clean;
  if (buffer[0] !== magic[0]) return foreign;
  const record = decodeOwnerRecord(buffer.subarray(0, read));
  return record === undefined ? { state: 'left' } : { state: 'left', record };
}

/**
 * Writes this process's record over what `found` says of the place; `true` when it is to be cleared at release. Without
 * room on the disk there is none, and no error: the lock is granted by the kernel, not by what is written; only its name
 * in messages is lost. A dead owner's record that could not be written over is ours to clear all the same: its news has
 * been told (G19).
 */
export function writeMark(
  file: OpenFile,
  position: number,
  { label, permits }: Pick<LockRequest, 'label' | 'permits'>,
  found: Mark['state'] = 'none',
): boolean {
  if (found === 'foreign') return false;
  const bytes = ownRecord(label, permits);
  try {
    return file.write(bytes, bytes.length, position) > 0;
  } catch {
    return found === 'left';
  }
}

let own: Buffer | undefined;
let ownLabel: string | undefined;
let ownPermits: number | undefined;

// Written at once, so one buffer serves every grant, and mostly only its time is new: who locks again and again is quick.
function ownRecord(label: string | undefined, permits: number | undefined): Buffer {
  const now = realTime.date();
  if (own === undefined || label !== ownLabel || permits !== ownPermits || !restampOwnerRecord(own, now)) {
    own = encodeOwnerRecord(label, now, permits);
    ownLabel = label;
    ownPermits = permits;
  }
  return own;
}

/** Marks the record as released. Done while still holding: afterwards the place is somebody else's. */
export function clearMark(file: OpenFile, position: number): void {
  try {
    file.write(releasedByte, 1, position);
  } catch {
    // The next holder is told of an owner that died: an alarm too many, not one too few.
  }
}

/** Takes {@link clearMark} back: a dead owner's record says again what nobody has learned of. */
export function restoreMark(file: OpenFile, position: number): void {
  try {
    file.write(magic, 1, position);
  } catch {
    // The news is lost with the disk.
  }
}
