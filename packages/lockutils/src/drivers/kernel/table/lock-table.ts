import { constants, readdirSync, readFileSync } from 'node:fs';
import { networkFileSystemOf } from '../../../lock-path/network-file-system.js';
import { firstPidNamespace } from '../../../owner/liveness.js';
import { ownIdentity } from '../../../owner/process-identity.js';
import { withSpareDescriptors } from '../../idle-files.js';
import type { KernelSystem } from '../system.js';
import { type ProcLocks, readProcLocks } from './proc-locks.js';

/** One lock as `/proc/locks` lists it: bytes `start` to `end`. `Infinity` means "to the end of the file". */
export interface TableLock {
  readonly shared: boolean;
  readonly start: number;
  readonly end: number;
  /** Only for POSIX locks, such as Python's. A lock of an open file description belongs to no process. */
  readonly pid: number | undefined;
}

/** Whether a lock covers the whole file, as the locks on lock files do. */
export function isWholeFile(lock: TableLock): boolean {
  return lock.start === 0 && lock.end === Number.POSITIVE_INFINITY;
}

/**
 * The locks on one file system, read from the kernel without trying any lock: a try, however short, can make another
 * process's `blocking: false` fail. Covers this machine only.
 *
 * Inside a container, the POSIX locks of processes outside are missing; our own kind of locks are not.
 */
export class LockTable {
  /** Whether the table is the state of one moment. If not, shared locks may be counted too often. */
  readonly exact: boolean;
  readonly #device: string;
  readonly #lines: ReadonlyMap<number, readonly string[]>;
  #scanned: ReadonlyMap<string, readonly number[]> | undefined;

  constructor(device: string, { lines: all, exact }: ProcLocks) {
    this.exact = exact;
    const lines = new Map<number, string[]>();
    const where = new RegExp(` ${device}:(\\d+) `);
    for (const line of all) {
      const inode = Number(where.exec(line)?.[1] ?? Number.NaN);
      if (Number.isNaN(inode)) continue;
      const found = lines.get(inode);
      if (found === undefined) lines.set(inode, [line]);
      else found.push(line);
    }
    this.#device = device;
    this.#lines = lines;
  }

  /**
   * Whether it contains all POSIX locks, such as Python's. Inside a container, those of other containers are missing.
   */
  readonly complete = ownIdentity().pidNamespace === firstPidNamespace;

  /** The locks that are held on the file with this inode number. */
  held(inode: number): TableLock[] {
    return (this.#lines.get(inode) ?? []).flatMap((line) => parseLock(line) ?? []);
  }

  /** The number of waiters inside the kernel for a lock on the file. Our own waiters never wait there. */
  blocked(inode: number): number {
    return (this.#lines.get(inode) ?? []).filter((line) => line.startsWith('->')).length;
  }

  /**
   * The processes that have the description of such a lock open: one for each lock like it, more if a description was
   * inherited, fewer if they belong to other users. The first call searches all of `/proc`.
   */
  pids(inode: number, lock: TableLock): readonly number[] {
    if (lock.pid !== undefined) return [lock.pid];
    this.#scanned ??= scanDescriptors(` ${this.#device}:`);
    return this.#scanned.get(keyOf(inode, lock)) ?? [];
  }
}

/**
 * Reads the lock table of the file system that contains `directory`. `undefined` if the table is not available, or
 * would not show every holder: not Linux, no `/proc`, a network file system.
 */
export function readLockTable(system: KernelSystem, directory: string): LockTable | undefined {
  try {
    if (networkFileSystemOf(directory) !== undefined) return undefined;
    const device = deviceOf(system, directory);
    return device === undefined ? undefined : new LockTable(device, readProcLocks());
  } catch {
    return undefined;
  }
}

/**
 * The device number as the kernel's lock table writes it. `st_dev` does not work: on btrfs and overlayfs it is a
 * different number, and a held lock would look free. So the directory itself is locked, shared, and the line about this
 * lock is read back. That disturbs no other process, because a directory cannot be locked exclusively.
 */
function deviceOf(system: KernelSystem, directory: string): string | undefined {
  // The raw descriptor number is needed here, because the kernel's own information about it is read.
  const fd = withSpareDescriptors(() => system.openSync(directory, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0)));
  try {
    if (!system.tryLock(fd, 0, 0, true)) return undefined;
    const [, device, inode] = /^lock:.* ([0-9a-f]+:[0-9a-f]+):(\d+) /m.exec(fdInfo('self', fd)) ?? [];
    // If the table does not use the inode numbers of stat(2), nothing can be looked up in it.
    return Number(inode) === system.fstatSync(fd).ino ? device : undefined;
  } finally {
    system.closeSync(fd);
  }
}

// `OFDLCK ADVISORY  WRITE -1 fe:00:1234 0 EOF`. A `->` before it marks a waiter, not a holder.
function parseLock(line: string): TableLock | undefined {
  const [type, , mode, pid, , start, end] = line.trim().split(/\s+/);
  if (type !== 'OFDLCK' && type !== 'POSIX') return undefined;
  return {
    shared: mode === 'READ',
    start: Number(start),
    end: end === 'EOF' ? Number.POSITIVE_INFINITY : Number(end),
    pid: type === 'POSIX' ? Number(pid) : undefined,
  };
}

function keyOf(inode: number, { shared, start, end }: TableLock): string {
  return `${inode} ${shared} ${start} ${end}`;
}

function scanDescriptors(device: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
        const info = fdInfo(pid, fd);
        if (info.includes(device)) for (const line of info.split('\n')) note(found, line, Number(pid));
      }
    } catch {
      // It has ended in the meantime, or belongs to another user.
    }
  }
  return found;
}

function note(found: Map<string, number[]>, line: string, pid: number): void {
  if (!line.startsWith('lock:')) return;
  const lock = parseLock(line.replace(/^lock:\s*\d+:/, ''));
  const inode = Number(/ [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line)?.[1]);
  if (lock === undefined || lock.pid !== undefined) return;
  const pids = found.get(keyOf(inode, lock));
  if (pids === undefined) found.set(keyOf(inode, lock), [pid]);
  else pids.push(pid);
}

function fdInfo(pid: string, fd: number | string): string {
  try {
    return readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
  } catch (error) {
    // It was closed since it was listed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
