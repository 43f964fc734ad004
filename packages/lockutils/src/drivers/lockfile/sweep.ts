import { join } from 'node:path';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { type LockArea, lockPathsOf } from './lock-paths.js';
import type { LockfileFs } from './lockfile-fs.js';
import { type Steps, step } from './steps.js';

const swept = new Set<string>();

/**
 * Removes what processes left in `new/` that died between preparing an owner file and moving it in. Once per lock path
 * and process. Nobody ever takes such a folder for a lock, so this is cleanliness only, and fails silently.
 */
export function* sweepOnce(fs: LockfileFs, lockFile: string, area: LockArea = 'lockfile'): Steps<void> {
  const { prepared } = lockPathsOf(lockFile, area);
  if (swept.has(prepared)) return;
  if (swept.size >= 1000) swept.clear();
  swept.add(prepared);
  try {
    for (const name of yield* step(fs.readdir(prepared))) {
      const identity = parseIdentityName(name);
      if (identity === undefined || liveness(identity) !== 'dead') continue;
      yield* removeFolder(fs, join(prepared, name), 3);
    }
  } catch {
    // Another process sweeps too, or may not.
  }
}

// Of those who share there may be `new/OWNER/seats` and `new/OWNER/SEAT/FILE`. Node has no call that removes a tree
// and is among those that one may replace.
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
