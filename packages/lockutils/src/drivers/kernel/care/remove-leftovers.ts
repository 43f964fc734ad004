import { dirname, join } from 'node:path';
import { hiddenFolder, namesIn } from '../../../lock-path/hidden-folder.js';
import { createFile } from '../../../lock-path/new-file.js';
import { OpenFile } from '../files/open-file.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import { seatKinds } from '../seats.js';
import type { KernelSystem } from '../system.js';
import { endHold, removeLockFiles } from './removal.js';

/**
 * The lock names that have a queue or seats but no lock file: the lock file was deleted by hand, or by Python's oslo.
 */
export function leftoverNames(system: KernelSystem, directory: string): string[] {
  const names = new Set<string>();
  for (const kind of kindsOfLock) {
    for (const name of namesIn(join(directory, hiddenFolder, kind))) {
      if (system.lstatSync(join(directory, name)) === undefined) names.add(name);
    }
  }
  return [...names];
}

/**
 * Removes the queue and the seats of a name without a lock file; `false` if they are in use.
 *
 * The lock file is created again and locked, so that this becomes the removal of an ordinary lock. Only the seats need a
 * separate check: their holders hold the lock by the deleted lock file, so our lock on the new file does not exclude
 * them.
 */
export function removeLeftover(system: KernelSystem, path: string): boolean {
  let file: OpenFile;
  try {
    createFile(dirname(path), path, system);
    file = OpenFile.openToWrite(system, path);
  } catch (error) {
    // Another process has created it, or removed it again.
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  try {
    // A process that has opened it since may have locked it first.
    if (!file.tryLock(0, 0, false)) return false;
    const queueGone = seatsAreFree(system, path) && removeLockFiles(system, path, file);
    if (!queueGone && file.isNamed()) system.unlinkSync(path);
    endHold(system, file);
    return queueGone;
  } finally {
    file.close();
  }
}

function seatsAreFree(system: KernelSystem, lockFile: string): boolean {
  return seatKinds.every((kind) => isUnlocked(system, hiddenPath(lockFile, kind)));
}

function isUnlocked(system: KernelSystem, path: string): boolean {
  if (system.lstatSync(path) === undefined) return true;
  const file = OpenFile.openToWrite(system, path);
  try {
    return file.tryLock(0, 0, false);
  } finally {
    file.close();
  }
}
