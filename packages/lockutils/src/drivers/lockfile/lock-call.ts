import { join } from 'node:path';
import { type LockArea, lockPathsOf } from './lock-paths.js';
import { type OwnedFolder, ownedFs } from './owned-fs.js';
import type { ProperLockfileOptions } from './proper-lockfile.js';

/** The arguments with which proper-lockfile is asked for the lock at `lockFile`. */
export function lockCall(
  lockFile: string,
  folder: OwnedFolder & { readonly own: string },
  area: LockArea = 'lockfile',
): [file: string, options: ProperLockfileOptions] {
  const { held } = lockPathsOf(lockFile, area);
  const options: ProperLockfileOptions = {
    lockfilePath: held,
    fs: ownedFs(folder),
    realpath: false,
    // Nothing goes stale by the age of the folder (owned-fs.ts), so the heartbeat has nothing to do: the longest a timer
    // can be set to.
    stale: 2 ** 31 - 1,
    update: 2 ** 30 - 1,
    onCompromised: () => {},
  };
  // proper-lockfile keeps its locks by this name. One of its own for each attempt: a holder that was robbed by hand, or
  // whose lease ran out, must not be mistaken for its successor in the same process.
  return [join(held, folder.own), options];
}
