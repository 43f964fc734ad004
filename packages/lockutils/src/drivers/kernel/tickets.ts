import { Buffer } from 'node:buffer';
import { readProcStat } from '../../owner/proc-stat.js';
import { ownIdentity } from '../../owner/process-identity.js';
import type { OpenFile } from './files/open-file.js';
import { guardByte } from './queue-bytes.js';

export { guardByte, newsByte, upgradeByte } from './queue-bytes.js';

const counter = Buffer.alloc(8);

/**
 * The number of the next ticket, read under the guard. If the file does not contain one, because it is new or was
 * emptied or damaged, the number follows the highest ticket that is held: counting from 0 again would put each newcomer
 * before the waiters in the queue.
 */
export function nextTicket(queue: OpenFile): number {
  return readCounter(queue) || firstFree(queue);
}

/** The number after the highest ticket that is held. */
export function firstFree(queue: OpenFile): number {
  let low = 0;
  let high = guardByte;
  for (let from = 0; low < high; from = Math.floor((low + high) / 2)) {
    if (queue.isFree(from, guardByte - from)) high = from;
    else low = from + 1;
  }
  return low;
}

/** The number of the next ticket in the file; also 0 if the file does not contain one. */
export function readCounter(queue: OpenFile): number {
  const read = queue.read(counter, 8, 0);
  const value = read < 8 ? 0 : Number(counter.readBigUInt64LE());
  return value < guardByte / 2 ? value : 0;
}

/** Sets the number of the next ticket to `next`, under the guard. */
export function writeCounter(queue: OpenFile, next: number): void {
  counter.writeBigUInt64LE(BigInt(next));
  queue.write(counter, 8, 0);
}

/** Milliseconds until a waiter checks whether the waiters before it can act at all. */
export const stoppedPatience = 200;

// A ring after the counter: the owners of the latest tickets. Owners of older tickets count as running.
const ringStart = 64;
const ringSize = 1024;
const entryBytes = 32;
const entry = Buffer.alloc(entryBytes);
const waitsAt = 28;

/** Records this process as the owner of `ticket`, with the wake file it listens to. Called under the guard. */
export function writeTicketOwner(queue: OpenFile, ticket: number, wakeFile: number): void {
  const { pid, startTime = 0, pidNamespace = 0 } = ownIdentity();
  entry.writeUInt32LE(pid, 0);
  entry.writeUInt32LE(pidNamespace, 4);
  entry.writeBigUInt64LE(BigInt(startTime), 8);
  entry.writeBigUInt64LE(BigInt(ticket), 16);
  entry.writeUInt32LE(wakeFile, 24);
  entry[waitsAt] = 0;
  queue.write(entry, entryBytes, positionOf(ticket));
}

/** Records that the owner of `ticket` has left, so that hints go to the next waiter. */
export function eraseTicketOwner(queue: OpenFile, ticket: number): void {
  // A later ticket may have taken this entry of the ring.
  if (!readEntry(queue, ticket)) return;
  entry.fill(0);
  queue.write(entry, entryBytes, positionOf(ticket));
}

/** Records whether the owner of `ticket` waits, or keeps the ticket while it holds the lock. */
export function noteWaiting(queue: OpenFile, ticket: number, waits: boolean): void {
  // A later ticket may have taken this entry of the ring.
  if (!readEntry(queue, ticket)) return;
  entry[waitsAt] = waits ? 1 : 0;
  queue.write(entry.subarray(waitsAt), 1, positionOf(ticket) + waitsAt);
}

/** Whether the owner of `ticket` waits; `undefined` if the entry is no longer known. */
export function isWaiting(queue: OpenFile, ticket: number): boolean | undefined {
  return readEntry(queue, ticket) ? entry[waitsAt] === 1 : undefined;
}

/** The lowest ticket whose owner can still be known if `next` is the next ticket to be drawn. */
export function oldestKnown(next: number): number {
  return Math.max(0, next - ringSize);
}

/** The wake file that the owner of `ticket` listens to; `undefined` if it is no longer known. */
export function wakeFileOf(queue: OpenFile, ticket: number): number | undefined {
  return readEntry(queue, ticket) ? entry.readUInt32LE(24) : undefined;
}

/**
 * Whether every earlier ticket that is still held belongs to a stopped process. A process that runs, or that cannot be
 * seen from here, keeps its turn. The nearest one is looked at first: it mostly runs, and then no other needs a look,
 * however many tickets were drawn before.
 */
export function onlyStoppedBefore(queue: OpenFile, ticket: number): boolean {
  const oldest = oldestKnown(ticket);
  for (let from = ticket; from > 0 && !queue.isFree(0, from); from -= 1) {
    const earlier = from - 1;
    if (earlier < oldest || (!queue.isFree(earlier, 1) && !isStopped(queue, earlier))) return false;
  }
  return true;
}

function isStopped(queue: OpenFile, ticket: number): boolean {
  if (!readEntry(queue, ticket)) return false;
  const self = ownIdentity();
  if (self.pidNamespace === undefined || entry.readUInt32LE(4) !== self.pidNamespace) return false;
  try {
    const { state, startTime } = readProcStat(`/proc/${entry.readUInt32LE(0)}/stat`);
    return state === 'T' && BigInt(startTime) === entry.readBigUInt64LE(8);
  } catch {
    // It has just ended: its byte is free at the next check.
    return false;
  }
}

function readEntry(queue: OpenFile, ticket: number): boolean {
  const read = queue.read(entry, entryBytes, positionOf(ticket));
  // An entry that was erased has no owner. It would otherwise be the one of ticket 0.
  if (read !== entryBytes || entry.readUInt32LE(0) === 0) return false;
  // No BigInt: this runs between a release and its hint. Tickets are below 2^41.
  return entry.readUInt32LE(16) + entry.readUInt32LE(20) * 2 ** 32 === ticket;
}

function positionOf(ticket: number): number {
  return ringStart + (ticket % ringSize) * entryBytes;
}
