import { constants, type Stats } from 'node:fs';
import { basename } from 'node:path';
import type { KernelSystem } from '../drivers/kernel/kernel-system.js';
import { type Mark, readMark } from '../drivers/kernel/owner-mark.js';

/** Something found in a lock path. */
export interface LockEntry {
  readonly path: string;
  readonly stats: Stats;
  /** What its beginning says; `undefined` when it is no plain file or may not be read. */
  readonly mark: Mark | undefined;
}

const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

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
  const fd = system.openSync(path, readOnly);
  try {
    const stats = system.fstatSync(fd);
    return { stats, mark: stats.isFile() ? readMark(system, fd, 0) : undefined };
  } finally {
    system.closeSync(fd);
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
