import { join } from 'node:path';
import { type LockArea, lockPathsOf } from './lock-paths.js';
import { type OwnedFolder, ownedFs } from './owned-fs.js';
import type { ProperLockfileOptions } from './proper-lockfile.js';

/** The arguments for proper-lockfile to lock `lockFile`. */
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
    // Locks do not become stale by the age of the folder (owned-fs.ts), so the heartbeat has nothing to do: the longest
    // time that a timer can be set to.
    stale: 2 ** 31 - 1,
    update: 2 ** 30 - 1,
    onCompromised: () => {},
  };
  // proper-lockfile identifies its locks by this name. Each attempt uses a name of its own: a holder whose lock was
  // removed by hand, or whose lease ran out, must not be mistaken for its successor in the same process.
  return [join(held, folder.own), options];
}
