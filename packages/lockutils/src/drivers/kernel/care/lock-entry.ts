import type { Stats } from 'node:fs';
import { basename } from 'node:path';
import { OpenFile } from '../files/open-file.js';
import { type Mark, readMark } from '../files/owner-mark.js';
import { maxLockFileBytes } from '../files/wish.js';
import type { KernelSystem } from '../system.js';

/** An entry of a lock path. */
export interface LockEntry {
  readonly path: string;
  readonly stats: Stats;
  /** The mark at the beginning of the file; `undefined` if it is not a plain file or not readable. */
  readonly mark: Mark | undefined;
  /** The system's error if this user may not read it. */
  readonly refused?: NodeJS.ErrnoException;
}

/** Reads one entry. Follows and changes nothing; `undefined` if it is gone. */
export function readEntry(system: KernelSystem, path: string): LockEntry | undefined {
  const stats = system.lstatSync(path);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return { path, stats, mark: undefined };
  try {
    return { path, ...readMarkOf(system, path) };
  } catch (error) {
    const cause = error as NodeJS.ErrnoException;
    if (cause.code === 'ENOENT') return undefined;
    const unread = { path, stats, mark: undefined };
    return ['EACCES', 'EPERM'].includes(cause.code ?? '') ? { ...unread, refused: cause } : unread;
  }
}

function readMarkOf(system: KernelSystem, path: string): { stats: Stats; mark: Mark | undefined } {
  const file = OpenFile.openToRead(system, path);
  try {
    const stats = file.stat();
    return { stats, mark: stats.isFile() ? readMark(file, 0) : undefined };
  } finally {
    file.close();
  }
}

/**
 * Whether it is certainly a lock file: it begins with our record, or it is empty, as Python's lock files are. An empty
 * file with a leading dot does not count: a `.gitkeep` is more likely than a lock of that name.
 */
export function isLockFile({ path, stats, mark }: LockEntry): boolean {
  if (!stats.isFile() || mark === undefined) return false;
  if (mark.state === 'left' || mark.state === 'released') return true;
  return stats.size === 0 && !basename(path).startsWith('.');
}

/** Whether a file that this user may not read may be a lock file, by its name and length. */
export function mayBeLockFile({ path, stats, refused }: LockEntry): boolean {
  return refused !== undefined && stats.size <= maxLockFileBytes && !basename(path).startsWith('.');
}
