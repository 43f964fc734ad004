import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { synchronousFs } from '../drivers/lockfile/lockfile-fs.js';
import { sweep } from '../drivers/lockfile/sweep.js';
import { runSync } from '../steps.js';
import type { CleaningReport } from './cleaning-report.js';
import { lockFolderNames } from './lock-folder-names.js';
import { removeHalfMade } from './remove-leftovers.js';
import { removeUnusedFolders } from './remove-unused-folders.js';
import type { CleaningRule } from './remove-unused-lock.js';

/** Removes what is left of unused locks of the lockfile driver, and what the dead were making. */
export async function cleanLockFolders(directory: string, rule: CleaningRule, report: CleaningReport): Promise<void> {
  for (const name of lockFolderNames(directory)) {
    // In one go, so that a lock that is held for it is so for some calls only, whatever else this process does.
    report.note(name, () => runSync(removeUnusedFolders(synchronousFs, join(directory, name), rule)));
    await realTime.turn();
  }
  if (!rule.dryRun) {
    runSync(sweep(synchronousFs, join(directory, hiddenFolder, 'lockfile', 'new')));
    removeHalfMade(directory);
  }
}
