import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { InvalidOptionError } from '@oslo-concurrency/core';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { hiddenPath } from '../drivers/kernel/hidden-files.js';
import { defaultKernelSystem, type KernelSystem } from '../drivers/kernel/kernel-system.js';
import { readLockTable } from '../drivers/kernel/lock-table.js';
import { refuseNetworkFileSystem } from '../drivers/network-file-system.js';
import { abandonedBy } from './abandoned.js';
import { directoryOf, driverOf, readLockPath } from './lock-directory.js';
import { leftoverNames, removeHalfMadeMarkers, removeLeftover } from './remove-leftovers.js';
import { type KeepReason, type RemovalRule, removeUnusedLock } from './remove-unused-lock.js';

/** Options of {@link cleanLocks}. */
export interface CleanLocksOptions {
  /** The directory to clean; the configured lock path by default. */
  readonly lockPath?: string;
  /** Only locks that nobody has taken for so long, ms; 0 by default: all. */
  readonly olderThan?: number;
  /** `true` also removes locks whose last holder died, so that the next holder gets no `previousOwnerDied` (G19). */
  readonly abandoned?: boolean;
  /** `true` removes nothing and tells what would be. */
  readonly dryRun?: boolean;
}

/** What {@link cleanLocks} did. Names are those of the lock files. */
export interface CleanLocksResult {
  /** The locks whose files were removed, or would have been. */
  readonly removed: readonly string[];
  /** Everything else in the directory, and why it is still there; `error` is the system's, where it refused. */
  readonly kept: readonly { readonly name: string; readonly reason: KeepReason; readonly error?: unknown }[];
}

/**
 * Removes the files of locks that nobody holds or waits for, while others go on locking. Waits for nobody.
 *
 * Promises: no two holders because of it (G15); what is not certainly a lock file stays, and so do links and folders; in
 * a directory this library has never locked in, empty files stay too. Does not promise that to Python's oslo, which may
 * go on waiting for a file that was removed; use `olderThan` there. A `blocking: false` that meets the removal of its
 * name, some 50 us, fails.
 *
 * @throws LockPathRequiredError, LockPathError, LockDriverMismatchError, NetworkFileSystemError.
 * @example
 * await cleanLocks({ olderThan: 7 * 24 * 3600 * 1000 });
 */
export async function cleanLocks(options: CleanLocksOptions = {}): Promise<CleanLocksResult> {
  const { olderThan = 0, abandoned = false, dryRun = false } = options;
  if (typeof olderThan !== 'number' || !(olderThan >= 0)) {
    throw new InvalidOptionError('olderThan', 'a number of milliseconds, 0 or more', olderThan);
  }
  for (const [name, value] of Object.entries({ abandoned, dryRun })) {
    if (typeof value !== 'boolean') throw new InvalidOptionError(name, 'a boolean', value);
  }
  const directory = directoryOf(options);
  const names = readLockPath(directory).sort();
  // The files of the lockfile driver are gone with the lock.
  if (driverOf(directory) === 'lockfile') return { removed: [], kept: [] };
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
  const changed = (['queue', 'seats'] as const).map((kind) => system.lstatSync(hiddenPath(path, kind))?.mtimeMs ?? 0);
  if (Math.max(...changed) >= rule.before) return 'recent';
  if (!rule.abandonedToo && abandonedBy(system, path, undefined) !== undefined) return 'abandoned';
  return rule.dryRun || removeLeftover(system, path) ? 'removed' : 'waited-for';
}

function* batchesOf(names: readonly string[], size = 64): Generator<readonly string[]> {
  for (let i = 0; i < names.length; i += size) yield names.slice(i, i + size);
}
