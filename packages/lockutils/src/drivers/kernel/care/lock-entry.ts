import type { Stats } from 'node:fs';
import { basename } from 'node:path';
import { OpenFile } from '../open-file.js';
import { type Mark, readMark } from '../owner-mark.js';
import type { KernelSystem } from '../system.js';

/** Something found in a lock path. */
export interface LockEntry {
  readonly path: string;
  readonly stats: Stats;
  /** What its beginning says; `undefined` when it is no plain file or may not be read. */
  readonly mark: Mark | undefined;
}

/** Looks at one entry, following and changing nothing; `undefined` when it is gone. */
export function readEntry(system: KernelSystem, path: string): LockEntry | undefined {
  const stats = system.lstatSync(path);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) return { path, stats, mark: undefined };
  try {
    return { path, ...readMarkOf(system, path) };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : { path, stats, mark: undefined };
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
 * Whether it is certainly a lock file: it begins with our record, or is empty, as Python's are. An empty file with a
 * leading dot is not: a `.gitkeep` is likelier than a lock of that name.
 */
export function isLockFile({ path, stats, mark }: LockEntry): boolean {
  if (!stats.isFile() || mark === undefined) return false;
  if (mark.state === 'left' || mark.state === 'released') return true;
  return stats.size === 0 && !basename(path).startsWith('.');
}
