import { Buffer } from 'node:buffer';
import type { OpenFile } from './open-file.js';

/** Held while a ticket is drawn. Tickets are the bytes before it. */
export const guardByte = 2 ** 40;

const counter = Buffer.alloc(8);

/**
 * The number the next ticket gets, under the guard. Where the file does not say, because it is new or was emptied or
 * damaged, the one after the highest ticket that is held: counting from 0 again would put each newcomer before those who
 * stand in line.
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

/** What the file says the next ticket gets; 0 as well when it does not say. */
export function readCounter(queue: OpenFile): number {
  const read = queue.read(counter, 8, 0);
  const value = read < 8 ? 0 : Number(counter.readBigUInt64LE());
  return value < guardByte / 2 ? value : 0;
}

/** Has the next ticket get the number `next`, under the guard. */
export function writeCounter(queue: OpenFile, next: number): void {
  counter.writeBigUInt64LE(BigInt(next));
  queue.write(counter, 8, 0);
}
