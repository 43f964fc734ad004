import { Buffer } from 'node:buffer';
import { realTime } from '@oslo-concurrency/core';
import {
  decodeOwnerRecord,
  encodeOwnerRecord,
  maxOwnerRecordBytes,
  type OwnerRecord,
  restampOwnerRecord,
} from '../../../owner/owner-record.js';
import type { LockRequest } from '../../driver.js';
import type { OpenFile } from './open-file.js';

/**
 * The owner record at a place in a file. Its first byte becomes `-` at the release. A holder that finds the `o` still
 * there after it was granted that place knows that the owner ended without releasing.
 *
 * `foreign`: the place contains data that we did not write, so we never write there. The lock works without a record.
 */
export type Mark =
  | { readonly state: 'none' | 'released' | 'foreign' }
  | { readonly state: 'left'; record?: OwnerRecord };

const released = 0x2d; // -
const magic = Buffer.from('oslo-concurrency owner ');
const buffer = Buffer.alloc(maxOwnerRecordBytes);
const releasedByte = Buffer.from([released]);

/** Reads the mark at `position`. The caller holds the lock of that place, or only reports to people. */
export function readMark(file: OpenFile, position: number): Mark {
  const read = file.read(buffer, maxOwnerRecordBytes, position);
  const state = stateIn(buffer, read);
  if (state !== 'left') return { state };
  const record = decodeOwnerRecord(buffer.subarray(0, read));
  return record === undefined ? { state } : { state, record };
}

/** The state of the mark at `position`, at less cost than {@link readMark}. */
export function readState(file: OpenFile, position: number): Mark['state'] {
  return stateIn(buffer, file.read(buffer, magic.length, position));
}

/** The state of the mark in `bytes`, of which `read` were read from its place. */
export function stateIn(bytes: Buffer, read: number): Mark['state'] {
  // A hole of a sparse file reads as zeros.
  if (read === 0 || bytes[0] === 0) return 'none';
  if (read < magic.length || bytes.compare(magic, 1, magic.length, 1, magic.length) !== 0) {
    return isLone(bytes, Math.min(read, magic.length)) ? 'none' : 'foreign';
  }
  if (bytes[0] === released) return 'released';
  return bytes[0] === magic[0] ? 'left' : 'foreign';
}

// What a release leaves if another program emptied the file while the lock was held: its byte, and perhaps a hole.
function isLone(bytes: Buffer, read: number): boolean {
  return bytes[0] === released && bytes.subarray(1, read).every((byte) => byte === 0);
}

/**
 * Writes this process's record over the mark that `found` describes. Returns `true` if it has to be cleared at the
 * release. If the disk is full, there is no record, and no error: the kernel grants the lock, not the record; only the
 * name in messages is missing. If a dead owner's record could not be overwritten, it still has to be cleared by us: its
 * death has been reported (G19).
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
    const written = file.write(bytes, bytes.length, position) > 0;
    if (written) file.record = version;
    return written;
  } catch {
    return found === 'left';
  }
}

/** Whether the record that this thread has written to `file` is the one that it would write now for this request. */
export function hasMark(file: OpenFile, { label, permits }: Pick<LockRequest, 'label' | 'permits'>): boolean {
  ownRecord(label, permits);
  return file.record === version;
}

let own: Buffer | undefined;
// Another number for each other record.
let version = 0;
let ownSince = 0;
let ownLabel: string | undefined;
let ownPermits: number | undefined;

// The record is written immediately, so one buffer serves every grant. Mostly only its time is new, which makes
// repeated locking fast.
function ownRecord(label: string | undefined, permits: number | undefined): Buffer {
  const now = realTime.date();
  const same = own !== undefined && label === ownLabel && permits === ownPermits;
  if (own === undefined || !same || (now !== ownSince && !restampOwnerRecord(own, now))) {
    own = encodeOwnerRecord(label, now, permits);
    ownLabel = label;
    ownPermits = permits;
  }
  if (!same || now !== ownSince) version += 1;
  ownSince = now;
  return own;
}

/** Marks the record as released. Done while still holding the lock: afterwards the place belongs to another holder. */
export function clearMark(file: OpenFile, position: number): void {
  file.record = undefined;
  try {
    file.write(releasedByte, 1, position);
  } catch {
    // The next holder is wrongly informed that an owner died: a false alarm is better than a missing one.
  }
}

/** Undoes {@link clearMark}: a dead owner's record again reports the death, because no caller has learned of it. */
export function restoreMark(file: OpenFile, position: number): void {
  file.record = undefined;
  try {
    file.write(magic, 1, position);
  } catch {
    // The report is lost with the disk.
  }
}
