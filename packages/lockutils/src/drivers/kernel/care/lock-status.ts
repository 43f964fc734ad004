import type { Holder } from '../../../owner/holder.js';
import { liveness } from '../../../owner/liveness.js';
import { holderOf, maxOwnerRecordBytes, type OwnerRecord } from '../../../owner/owner-record.js';
import { heldBy, type LockStatus } from '../../lock-status.js';
import { holderBehind, isWholeFile, processHolder } from '../holders.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import type { LockTable, TableLock } from '../lock-table.js';
import { OpenFile } from '../open-file.js';
import { type Mark, readMark } from '../owner-mark.js';
import { seatKinds } from '../seats.js';
import type { KernelSystem } from '../system.js';
import { guardByte } from '../ticket-counter.js';
import { abandonedBy } from './abandoned.js';
import type { LockEntry } from './lock-entry.js';

/** The result of {@link kernelLockStatus} for one lock file. */
export type KernelLockStatus = Omit<LockStatus, 'name' | 'lockFile'>;

/** The status of one lock of the kernel driver, from the lock table. Without a table: from the lock's record. */
export function kernelLockStatus(
  system: KernelSystem,
  table: LockTable | undefined,
  entry: LockEntry,
): KernelLockStatus {
  const record = recordOf(entry.mark);
  const lastUsed = entry.stats.mtime;
  if (table === undefined) {
    const holders = record !== undefined && liveness(record) !== 'dead' ? [holderOf(record)] : [];
    return status('unknown', holders, { waiters: undefined, lastUsed });
  }
  const whole = table.held(entry.stats.ino).filter(isWholeFile);
  const alone = whole.find((lock) => !lock.shared);
  const tickets = ticketsOf(system, table, entry.path);
  const blocked = table.blocked(entry.stats.ino);
  if (alone !== undefined) {
    const pids = table.pids(entry.stats.ino, alone);
    const waiters = waitersBehind(table, pids, tickets);
    return status('held', [holderBehind(pids, record)], {
      waiters: waiters === undefined ? undefined : waiters + blocked,
      lastUsed,
    });
  }
  const waiters = tickets.length + blocked;
  if (whole.length > 0) return status('shared', sharedHolders(system, table, entry, whole), { waiters, lastUsed });
  return status(table.complete || isOurs(system, entry) ? 'free' : 'unknown', [], {
    waiters,
    lastUsed,
    abandonedBy: abandonedBy(system, entry.path, entry.mark),
  });
}

// If this library has never used the file, Python locks it, perhaps outside of this container.
function isOurs(system: KernelSystem, { path, mark }: LockEntry): boolean {
  if (mark?.state === 'left' || mark?.state === 'released') return true;
  return kindsOfLock.some((kind) => system.lstatSync(hiddenPath(path, kind)) !== undefined);
}

/** A ticket that is held in a queue file. */
interface HeldTicket {
  readonly inode: number;
  readonly lock: TableLock;
}

/** The tickets that are held in the queue of a lock file, lowest first. */
export function ticketsOf(system: KernelSystem, table: LockTable, path: string): HeldTicket[] {
  const inode = system.lstatSync(hiddenPath(path, 'queue'))?.ino;
  return inode === undefined ? [] : oneByteLocks(table, inode).map((lock) => ({ inode, lock }));
}

function status(
  state: LockStatus['state'],
  holders: readonly Holder[],
  more: { waiters: number | undefined; lastUsed: Date; abandonedBy?: Holder | undefined },
): KernelLockStatus {
  return { state, ...heldBy(holders), abandonedBy: undefined, ...more };
}

/**
 * The number of waiters. An exclusive holder that queued keeps its ticket until the release, and only stopped waiters
 * that it passed have lower tickets. A holder that passed the queue has no ticket. So the first ticket that belongs to
 * the holder is not a waiter's, and all others are.
 */
function waitersBehind(
  table: LockTable,
  holder: readonly number[],
  tickets: readonly HeldTicket[],
): number | undefined {
  if (tickets.length === 0) return 0;
  if (holder.length === 0) return undefined;
  let allKnown = true;
  for (const { inode, lock } of tickets) {
    const pids = table.pids(inode, lock);
    if (pids.some((pid) => holder.includes(pid))) return tickets.length - 1;
    allKnown &&= pids.length > 0;
  }
  return allKnown ? tickets.length : undefined;
}

function sharedHolders(
  system: KernelSystem,
  table: LockTable,
  entry: LockEntry,
  whole: readonly TableLock[],
): Holder[] {
  const seated = seatKinds.flatMap((kind) => seatsIn(system, table, hiddenPath(entry.path, kind)));
  const pids = new Set(whole.flatMap((lock) => table.pids(entry.stats.ino, lock)));
  for (const seat of seated) for (const pid of seat.pids) pids.delete(pid);
  // Python's readers, and our readers from the 257th on, hold the lock without a seat.
  const rest = [...pids].map(processHolder);
  const holders = [...seated.map(({ pids: own, record }) => holderBehind(own, record)), ...rest];
  if (!table.exact) return holders;
  while (holders.length < whole.length) holders.push({});
  return holders.slice(0, whole.length);
}

function seatsIn(
  system: KernelSystem,
  table: LockTable,
  seats: string,
): { readonly pids: readonly number[]; readonly record: OwnerRecord | undefined }[] {
  const inode = system.lstatSync(seats)?.ino;
  if (inode === undefined) return [];
  let file: OpenFile;
  try {
    file = OpenFile.openToRead(system, seats);
  } catch {
    return [];
  }
  try {
    return oneByteLocks(table, inode).map((lock) => {
      const pids = table.pids(inode, lock);
      return { pids, record: recordOf(readMark(file, lock.start * maxOwnerRecordBytes)) };
    });
  } finally {
    file.close();
  }
}

function oneByteLocks(table: LockTable, inode: number): TableLock[] {
  return table
    .held(inode)
    .filter((lock) => !lock.shared && lock.start === lock.end && lock.start < guardByte)
    .sort((a, b) => a.start - b.start);
}

function recordOf(mark: Mark | undefined): OwnerRecord | undefined {
  return mark?.state === 'left' ? mark.record : undefined;
}
