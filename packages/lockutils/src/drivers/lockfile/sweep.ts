import { join } from 'node:path';
import { type Steps, step } from '../../steps.js';
import { type LockArea, lockPathsOf } from './lock-paths.js';
import { isOfDead } from './owner-file.js';
import type { LockfileFs } from './system.js';

const swept = new Set<string>();

/**
 * Removes the folders in `new/` of processes that died between preparing an owner file and moving it in. Once per lock
 * path and process. No process ever takes such a folder for a lock, so this is only tidiness, and fails silently.
 */
export function* sweepOnce(fs: LockfileFs, lockFile: string, area: LockArea = 'lockfile'): Steps<void> {
  const { prepared } = lockPathsOf(lockFile, area);
  if (swept.has(prepared)) return;
  if (swept.size >= 1000) swept.clear();
  swept.add(prepared);
  yield* sweep(fs, prepared);
}

/** Removes the folders that dead processes left in the folder `prepared`, as {@link sweepOnce} does. */
export function* sweep(fs: LockfileFs, prepared: string): Steps<void> {
  try {
    for (const name of yield* step(fs.readdir(prepared))) {
      if (isOfDead(name)) yield* removeFolder(fs, join(prepared, name), 3);
    }
  } catch {
    // Another process does the same, or we may not.
  }
}

// Shared holders may leave `new/OWNER/seats` and `new/OWNER/SEAT/FILE`. None of the calls that a user may replace
// removes a tree.
function* removeFolder(fs: LockfileFs, folder: string, depth: number): Steps<void> {
  for (const name of yield* step(fs.readdir(folder))) {
    const path = join(folder, name);
    try {
      yield* step(fs.unlink(path));
    } catch (error) {
      if (depth === 0) throw error;
      yield* removeFolder(fs, path, depth - 1);
    }
  }
  yield* step(fs.rmdir(folder));
}
