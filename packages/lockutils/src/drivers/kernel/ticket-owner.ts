import { Buffer } from 'node:buffer';
import { readProcStat } from '../../owner/proc-stat.js';
import { ownIdentity } from '../../owner/process-identity.js';
import type { KernelSystem } from './kernel-system.js';

/** Milliseconds until a waiter asks whether those before it can act at all. */
export const stoppedPatience = 200;

// A ring behind the counter: whose the latest tickets are. Older ones are taken for running.
const ringStart = 64;
const ringSize = 1024;
const entryBytes = 24;
const entry = Buffer.alloc(entryBytes);

/** Notes who drew `ticket`. Called under the guard. */
export function writeTicketOwner(system: KernelSystem, fd: number, ticket: number): void {
  const { pid, startTime = 0, pidNamespace = 0 } = ownIdentity();
  entry.writeUInt32LE(pid, 0);
  entry.writeUInt32LE(pidNamespace, 4);
  entry.writeBigUInt64LE(BigInt(startTime), 8);
  entry.writeBigUInt64LE(BigInt(ticket), 16);
  system.writeSync(fd, entry, 0, entryBytes, positionOf(ticket));
}

/**
 * Whether every earlier ticket that is still held belongs to a process that is stopped. One that runs, or that cannot
 * be seen from here, keeps its turn. Ends at the first that does, so it costs little while the line moves.
 */
export function onlyStoppedBefore(system: KernelSystem, fd: number, ticket: number): boolean {
  for (let earlier = Math.max(0, ticket - ringSize); earlier < ticket; earlier += 1) {
    if (system.tryLock(fd, earlier, 1, true)) system.unlock(fd, earlier, 1);
    else if (!isStopped(system, fd, earlier)) return false;
  }
  if (ticket <= ringSize) return true;
  const oldGone = system.tryLock(fd, 0, ticket - ringSize, true);
  if (oldGone) system.unlock(fd, 0, ticket - ringSize);
  return oldGone;
}

function isStopped(system: KernelSystem, fd: number, ticket: number): boolean {
  const read = system.readSync(fd, entry, 0, entryBytes, positionOf(ticket));
  if (read < entryBytes || entry.readBigUInt64LE(16) !== BigInt(ticket)) return false;
  const self = ownIdentity();
  if (self.pidNamespace === undefined || entry.readUInt32LE(4) !== self.pidNamespace) return false;
  try {
    const { state, startTime } = readProcStat(`/proc/${entry.readUInt32LE(0)}/stat`);
    return state === 'T' && BigInt(startTime) === entry.readBigUInt64LE(8);
  } catch {
    // Ended in this moment: its byte is free at the next look.
    return false;
  }
}

function positionOf(ticket: number): number {
  return ringStart + (ticket % ringSize) * entryBytes;
}
