import type { Holder } from '../../../owner/holder.js';
import { liveness } from '../../../owner/liveness.js';
import { holderOf, maxOwnerRecordBytes, type OwnerRecord } from '../../../owner/owner-record.js';
import { heldBy, type LockStatus } from '../../lock-status.js';
import { OpenFile } from '../files/open-file.js';
import { type Mark, readMark } from '../files/owner-mark.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import { abandonedBy } from '../news.js';
import { seatKinds, takenSeats } from '../seats.js';
import type { KernelSystem } from '../system.js';
import { holderBehind, processHolder } from '../table/holder-process.js';
import { isWholeFile, type LockTable, type TableLock } from '../table/lock-table.js';
import { guardByte, isWaiting } from '../tickets.js';
import { abandonedAsSeen } from './abandoned.js';
import type { LockEntry } from './lock-entry.js';

/** The result of {@link kernelLockStatus} for one lock file. */
export type KernelLockStatus = Omit<LockStatus, 'name' | 'lockFile'>;

/** The status of one lock of the kernel driver, from the lock table. Without a table: from the lock's record, or by a try. */
export function kernelLockStatus(
  system: KernelSystem,
  table: LockTable | undefined,
  entry: LockEntry,
): KernelLockStatus {
  const record = recordOf(entry.mark);
  const lastUsed = entry.stats.mtime;
  if (table === undefined && process.platform !== 'linux') return triedStatus(system, entry);
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
    const waiters = waitersBehind(system, table, { path: entry.path, holder: pids, tickets });
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
    abandonedBy: abandonedAsSeen(system, entry),
  });
}

/**
 * The status where there is no lock table: macOS, Windows. Only a try shows whether the lock is held: it takes no lock from
 * anybody, but for the moment of the try `blocking: false` of another process can fail. It asks for a shared lock, so that
 * several that look do not see each other. Its record names the holder, unless that is dead.
 */
export function triedStatus(system: KernelSystem, { path, stats, mark }: LockEntry): KernelLockStatus {
  const waiters = undefined;
  const lastUsed = stats.mtime;
  try {
    const file = OpenFile.openToWrite(system, path);
    try {
      if (!file.tryLock(0, 0, true)) {
        const record = recordOf(mark);
        const holder = record !== undefined && liveness(record) !== 'dead' ? holderOf(record) : {};
        return status('held', [holder], { waiters, lastUsed });
      }
      const seated = takenSeats(system, { path });
      if (seated.length > 0) {
        const records = seated.flatMap((seat) => recordOf(seat) ?? []);
        return status('shared', records.map(holderOf), { waiters, lastUsed });
      }
      // Read again: the holder of the first reading may have released it since.
      return status('free', [], { waiters, lastUsed, abandonedBy: abandonedBy(system, path, readMark(file, 0)) });
    } finally {
      file.close();
    }
  } catch {
    return status('unknown', [], { waiters, lastUsed });
  }
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
 * The number of waiters. An exclusive holder that queued keeps its ticket until the release. A holder that passed the
 * queue has no ticket, and another thread of its process may wait. So each ticket says whether its owner waits. Only
 * the entries of the latest tickets are known. Among the other tickets, the first that belongs to the holder's process
 * counts as the holder's, because only stopped waiters that the holder passed have lower tickets.
 */
function waitersBehind(
  system: KernelSystem,
  table: LockTable,
  line: { readonly path: string; readonly holder: readonly number[]; readonly tickets: readonly HeldTicket[] },
): number | undefined {
  const notes = notesOf(system, line.path, line.tickets);
  const waiting = notes.filter((waits) => waits === true).length;
  const unknown = line.tickets.filter((_, index) => notes[index] === undefined);
  if (unknown.length === 0) return waiting;
  // One that does not wait is the holder's.
  if (notes.includes(false)) return waiting + unknown.length;
  if (line.holder.length === 0) return undefined;
  const pids = unknown.map(({ inode, lock }) => table.pids(inode, lock));
  const itsOwn = pids.some((own) => own.some((pid) => line.holder.includes(pid)));
  if (itsOwn) return waiting + unknown.length - 1;
  return pids.every((own) => own.length > 0) ? waiting + unknown.length : undefined;
}

function notesOf(system: KernelSystem, path: string, tickets: readonly HeldTicket[]): (boolean | undefined)[] {
  if (tickets.length === 0) return [];
  try {
    const queue = OpenFile.openToRead(system, hiddenPath(path, 'queue'));
    try {
      return tickets.map(({ lock }) => isWaiting(queue, lock.start));
    } finally {
      queue.close();
    }
  } catch {
    // It was removed in the meantime, or is not readable for us.
    return tickets.map(() => undefined);
  }
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
