import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { hiddenPath, kindsOfLock } from '../drivers/kernel/hidden-files.js';
import { defaultKernelSystem, type KernelSystem } from '../drivers/kernel/kernel-system.js';
import { readLockTable } from '../drivers/kernel/lock-table.js';
import { refuseNetworkFileSystem } from '../drivers/network-file-system.js';
import { abandonedBy } from './abandoned.js';
import type { CleanLocksOptions, CleanLocksResult } from './lock-path-care.js';
import { leftoverNames, removeHalfMadeMarkers, removeLeftover } from './remove-leftovers.js';
import { type KeepReason, type RemovalRule, removeUnusedLock } from './remove-unused-lock.js';

/** Removes the unused ones among the lock files `names`, and what is left of others. @throws NetworkFileSystemError */
export async function cleanLockFiles(
  directory: string,
  names: readonly string[],
  { olderThan, abandoned, dryRun }: Required<Omit<CleanLocksOptions, 'lockPath'>>,
): Promise<CleanLocksResult> {
  refuseNetworkFileSystem(directory, false);
  const system = defaultKernelSystem;
  const before = olderThan === 0 ? Number.POSITIVE_INFINITY : Date.now() - olderThan;
  const emptyToo = system.lstatSync(join(directory, hiddenFolder))?.isDirectory() === true;

  const removed: string[] = [];
  const kept: { name: string; reason: KeepReason; error?: unknown }[] = [];
  const note = (name: string, clean: () => 'removed' | KeepReason | undefined): void => {
    try {
      const verdict = clean();
      if (verdict === 'removed') removed.push(name);
      else if (verdict !== undefined) kept.push({ name, reason: verdict });
    } catch (error) {
      kept.push({ name, reason: 'failed', error });
    }
  };

  for (const batch of batchesOf(names)) {
    // Read again for each batch: what it says is out of date in a moment.
    const rule: RemovalRule = {
      table: readLockTable(system, directory),
      before,
      abandonedToo: abandoned,
      dryRun,
      emptyToo,
    };
    for (const name of batch) note(name, () => removeUnusedLock(system, join(directory, name), rule));
    await setImmediate();
  }
  const rule: RemovalRule = { table: undefined, before, abandonedToo: abandoned, dryRun, emptyToo };
  for (const batch of batchesOf(leftoverNames(system, directory))) {
    for (const name of batch) note(name, () => cleanLeftover(system, join(directory, name), rule));
    await setImmediate();
  }
  if (!dryRun) removeHalfMadeMarkers(directory);
  return { removed, kept };
}

function cleanLeftover(system: KernelSystem, path: string, rule: RemovalRule): 'removed' | KeepReason {
  const changed = kindsOfLock.map((kind) => system.lstatSync(hiddenPath(path, kind))?.mtimeMs ?? 0);
  if (Math.max(...changed) >= rule.before) return 'recent';
  if (!rule.abandonedToo && abandonedBy(system, path, undefined) !== undefined) return 'abandoned';
  return rule.dryRun || removeLeftover(system, path) ? 'removed' : 'waited-for';
}

function* batchesOf(names: readonly string[], size = 64): Generator<readonly string[]> {
  for (let i = 0; i < names.length; i += size) yield names.slice(i, i + size);
}
