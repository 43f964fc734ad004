import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { synchronousFs } from '../drivers/lockfile/lockfile-fs.js';
import { runSync } from '../drivers/lockfile/steps.js';
import { sweep } from '../drivers/lockfile/sweep.js';
import { lockFolderNames } from './lock-folder-names.js';
import type { CleanLocksOptions, CleanLocksResult } from './lock-path-care.js';
import { removeHalfMadeMarkers } from './remove-leftovers.js';
import { removeUnusedFolders } from './remove-unused-folders.js';
import type { KeepReason } from './remove-unused-lock.js';

/** Removes what is left of unused locks of the lockfile driver, and what the dead were making. */
export async function cleanLockFolders(
  directory: string,
  { olderThan, abandoned, dryRun }: Required<Omit<CleanLocksOptions, 'lockPath'>>,
): Promise<CleanLocksResult> {
  const before = olderThan === 0 ? Number.POSITIVE_INFINITY : Date.now() - olderThan;
  const rule = { before, abandonedToo: abandoned, dryRun };
  const removed: string[] = [];
  const kept: { name: string; reason: KeepReason; error?: unknown }[] = [];
  for (const name of lockFolderNames(directory)) {
    try {
      // In one go, so that a lock that is held for it is so for some calls only, whatever else this process does.
      const verdict = runSync(removeUnusedFolders(synchronousFs, join(directory, name), rule));
      if (verdict === 'removed') removed.push(name);
      else if (verdict !== undefined) kept.push({ name, reason: verdict });
    } catch (error) {
      kept.push({ name, reason: 'failed', error });
    }
    await setImmediate();
  }
  if (!dryRun) {
    runSync(sweep(synchronousFs, join(directory, hiddenFolder, 'lockfile', 'new')));
    removeHalfMadeMarkers(directory);
  }
  return { removed, kept };
}
