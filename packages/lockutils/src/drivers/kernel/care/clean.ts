import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { hiddenFolder, removeHalfMade } from '../../../lock-path/hidden-folder.js';
import { refuseNetworkFileSystem } from '../../../lock-path/network-file-system.js';
import type { CleaningReport, CleaningRule, KeepReason } from '../../care.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import { abandonedBy } from '../news.js';
import { defaultKernelSystem, type KernelSystem } from '../system.js';
import { readLockTable } from '../table/lock-table.js';
import { leftoverNames, removeLeftover } from './remove-leftovers.js';
import { removeUnusedLock } from './remove-unused.js';

/** Removes the unused lock files among `names`, and the leftovers of others. @throws NetworkFileSystemError */
export async function cleanLockFiles(
  directory: string,
  names: readonly string[],
  rule: CleaningRule,
  report: CleaningReport,
): Promise<void> {
  refuseNetworkFileSystem(directory, false);
  const system = defaultKernelSystem;
  const emptyToo = system.lstatSync(join(directory, hiddenFolder))?.isDirectory() === true;

  for (const batch of batchesOf(names)) {
    // Read again for each batch: the table is soon out of date.
    const table = readLockTable(system, directory);
    for (const name of batch)
      report.note(name, () => removeUnusedLock(system, join(directory, name), { ...rule, table, emptyToo }));
    await realTime.turn();
  }
  for (const batch of batchesOf(leftoverNames(system, directory))) {
    for (const name of batch) report.note(name, () => cleanLeftover(system, join(directory, name), rule));
    await realTime.turn();
  }
  if (!rule.dryRun) removeHalfMade(directory);
}

function cleanLeftover(system: KernelSystem, path: string, rule: CleaningRule): 'removed' | KeepReason {
  const changed = kindsOfLock.map((kind) => system.lstatSync(hiddenPath(path, kind))?.mtimeMs ?? 0);
  if (Math.max(...changed) >= rule.before) return 'recent';
  if (!rule.abandonedToo && abandonedBy(system, path, undefined) !== undefined) return 'abandoned';
  return rule.dryRun || removeLeftover(system, path) ? 'removed' : 'waited-for';
}

function* batchesOf(names: readonly string[], size = 64): Generator<readonly string[]> {
  for (let i = 0; i < names.length; i += size) yield names.slice(i, i + size);
}
