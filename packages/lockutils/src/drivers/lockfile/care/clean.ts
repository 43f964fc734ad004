import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { hiddenFolder, removeHalfMade } from '../../../lock-path/hidden-folder.js';
import { runSync } from '../../../steps.js';
import type { CleaningReport, CleaningRule } from '../../care.js';
import { sweep } from '../owner-file.js';
import { synchronousFs } from '../system.js';
import { lockFolderNames } from './list.js';
import { removeUnusedFolders } from './remove-unused.js';

/** Removes the leftovers of unused locks of the lockfile driver, and the folders that dead processes were preparing. */
export async function cleanLockFolders(
  directory: string,
  _names: readonly string[],
  rule: CleaningRule,
  report: CleaningReport,
): Promise<void> {
  for (const name of lockFolderNames(directory)) {
    // Synchronous, so that a lock that is held for this stays held for some calls only, whatever else this process
    // does.
    report.note(name, () => runSync(removeUnusedFolders(synchronousFs, join(directory, name), rule)));
    await realTime.turn();
  }
  if (!rule.dryRun) {
    runSync(sweep(synchronousFs, join(directory, hiddenFolder, 'lockfile', 'new')));
    removeHalfMade(directory);
  }
}
