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
      const folder = join(prepared, name);
      for (const file of yield* step(fs.readdir(folder))) yield* step(fs.unlink(join(folder, file)));
      yield* step(fs.rmdir(folder));
    }
  } catch {
    // Another process sweeps too, or may not.
  }
}
