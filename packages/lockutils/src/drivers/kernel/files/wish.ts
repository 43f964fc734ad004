import { Buffer } from 'node:buffer';
import { maxOwnerRecordBytes } from '../../../owner/owner-record.js';
import type { OpenFile } from './open-file.js';
import { type Mark, stateIn } from './owner-mark.js';

/**
 * The wish of the first waiter of the queue: that it be woken when the lock is released, and that nobody pass it for
 * long. It is written behind the owner record of the lock file, which every grant reads anyway.
 *
 * Readers and permit holders write no record there, and the first holder of a new file locks it before it writes its
 * own. So the wish does not wait for a record: without one, it lies behind a hole, which reads as no record. Its bytes
 * are not those of the record, so the waiter and the holder may write at the same time.
 *
 * A wish grants nothing: exclusion relies on the lock of the file alone. It may be missing, old, or of a waiter that
 * has gone; then a wake goes to nobody, and a caller that gave way to it finds itself first in the queue.
 */
export interface Wish {
  readonly ticket: number;
  /** The wake file that the waiter listens to. */
  readonly wakeFile: number;
  /** Grows each time the waiter looks. While it does not change, the waiter did not look. */
  readonly stamp: number;
}

const wishBytes = 16;
/** A lock file with a wish has this length; without, it is at most as long as a record. */
export const maxLockFileBytes = maxOwnerRecordBytes + wishBytes;
const buffer = Buffer.alloc(maxLockFileBytes);
const wish = buffer.subarray(maxOwnerRecordBytes);
const written = Buffer.alloc(wishBytes);
const hole = Buffer.alloc(maxOwnerRecordBytes);

/** What a lock file says about its last holder, and about the first waiter. */
export interface LockFileState {
  readonly found: Mark['state'];
  readonly wish: Wish | undefined;
}

/** Reads both in one call. */
export function readLockFile(file: OpenFile): LockFileState {
  const read = file.read(buffer, maxLockFileBytes, 0);
  const found = stateIn(buffer, Math.min(read, maxOwnerRecordBytes));
  return { found, wish: read === maxLockFileBytes && hasPlaceForWish(found) ? decode(wish) : undefined };
}

/** Reads the wish alone, from a file that is known to have a place for it. */
export function readWish(file: OpenFile): Wish | undefined {
  return file.read(wish, wishBytes, maxOwnerRecordBytes) === wishBytes ? decode(wish) : undefined;
}

export function writeWish(file: OpenFile, { ticket, wakeFile, stamp }: Wish): void {
  writeTicket(ticket + 1);
  written.writeUInt32LE(wakeFile, 8);
  written.writeUInt32LE(stamp, 12);
  file.write(written, wishBytes, maxOwnerRecordBytes);
}

export function eraseWish(file: OpenFile): void {
  writeTicket(0);
  file.write(written, 8, maxOwnerRecordBytes);
}

/** Other content than ours is never written to. */
export function hasPlaceForWish(found: Mark['state']): boolean {
  return found !== 'foreign';
}

/** Whether a file of `size` bytes holds no record, and nothing but the wish of a waiter, or what is left of one. */
export function holdsOnlyWish(file: OpenFile, size: number): boolean {
  if (size !== maxLockFileBytes) return false;
  const read = file.read(buffer, maxOwnerRecordBytes, 0);
  return read === maxOwnerRecordBytes && buffer.subarray(0, maxOwnerRecordBytes).equals(hole);
}

function writeTicket(number: number): void {
  written.writeUInt32LE(number % 2 ** 32, 0);
  written.writeUInt32LE(Math.floor(number / 2 ** 32), 4);
}

function decode(bytes: Buffer): Wish | undefined {
  const number = bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32;
  // No ticket is that high: see `readCounter`.
  if (number === 0 || number > 2 ** 40) return undefined;
  return { ticket: number - 1, wakeFile: bytes.readUInt32LE(8), stamp: bytes.readUInt32LE(12) };
}
