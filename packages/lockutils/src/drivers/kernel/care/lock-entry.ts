import type { Stats } from 'node:fs';
import { basename } from 'node:path';
import { OpenFile } from '../files/open-file.js';
import { type Mark, readMark } from '../files/owner-mark.js';
import { holdsOnlyWish, maxLockFileBytes } from '../files/wish.js';
import type { KernelSystem } from '../system.js';

/** An entry of a lock path. */
export interface LockEntry {
  readonly path: string;
  readonly stats: Stats;
  /** The mark at the beginning of the file; `undefined` if it is not a plain file or not readable. */
  readonly mark: Mark | undefined;
  /** Whether no holder has written to it: it is empty, or holds only the wish of a waiter. */
  readonly bare?: boolean;
  /** The system's error if this user may not read it. */
  readonly refused?: NodeJS.ErrnoException;
}

/** Reads one entry. Follows and changes nothing; `undefined` if it is gone. */
export function readEntry(system: KernelSystem, path: string): LockEntry | undefined {
  const stats = system.lstatSync(path);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return { path, stats, mark: undefined };
  try {
    const file = OpenFile.openToRead(system, path);
    try {
      return readOpenEntry(file);
    } finally {
      file.close();
    }
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (cause.code === 'ENOENT') return undefined;
    const unread = { path, stats, mark: undefined };
    return ['EACCES', 'EPERM'].includes(cause.code ?? '') ? { ...unread, refused: cause } : unread;
  }
}

/** Reads the entry that is open. */
export function readOpenEntry(file: OpenFile): LockEntry {
  const stats = file.stat();
  if (!stats.isFile()) return { path: file.path, stats, mark: undefined };
  return { path: file.path, stats, mark: readMark(file, 0), bare: stats.size === 0 || holdsOnlyWish(file, stats.size) };
}

/**
 * Whether it is certainly a lock file: it begins with our record, or it is empty, as Python's lock files are, or holds
 * only a wish. An empty file with a leading dot does not count: a `.gitkeep` is more likely than a lock of that name.
 */
export function isLockFile({ path, stats, mark, bare }: LockEntry): boolean {
  if (!stats.isFile() || mark === undefined) return false;
  if (mark.state === 'left' || mark.state === 'released') return true;
  return bare === true && !basename(path).startsWith('.');
}

/** Whether a file that this user may not read may be a lock file, by its name and length. */
export function mayBeLockFile({ path, stats, refused }: LockEntry): boolean {
  return refused !== undefined && stats.size <= maxLockFileBytes && !basename(path).startsWith('.');
}
