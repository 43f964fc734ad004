import { Buffer } from 'node:buffer';
import type { OpenFile } from './open-file.js';

/** Locked while a ticket is drawn. Tickets are the bytes before it. */
export const guardByte = 2 ** 40;

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
    if (nobodyFrom(queue, from)) high = from;
    else low = from + 1;
  }
  return low;
}

function nobodyFrom(queue: OpenFile, ticket: number): boolean {
  if (!queue.tryLock(ticket, guardByte - ticket, true)) return false;
  queue.unlock(ticket, guardByte - ticket);
  return true;
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
