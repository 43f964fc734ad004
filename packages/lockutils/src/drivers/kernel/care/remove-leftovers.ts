import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { hiddenFolder } from '../../../lock-path/hidden-folder.js';
import { namesIn } from '../../../lock-path/names-in.js';
import { createFile } from '../../../lock-path/new-file.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import { OpenFile } from '../open-file.js';
import { removeLockFiles } from '../removal.js';
import { seatKinds } from '../seats.js';
import type { KernelSystem } from '../system.js';

const readWrite = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);

/** The lock names that have a queue or seats, but no lock file: it was deleted by hand, or by Python's oslo. */
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
 * Removes the queue and the seats of a name without lock file; `false` when they are in use.
 *
 * The lock file is made anew and locked, so that this is the removal of an ordinary lock. Only seats need a look of
 * their own: those who hold them do so by the lock file that was deleted, and our lock on the new one says nothing of it.
 */
export function removeLeftover(system: KernelSystem, path: string): boolean {
  let file: OpenFile;
  try {
    createFile(dirname(path), path, system);
    file = OpenFile.open(system, path, readWrite);
  } catch (error) {
    // Somebody else has made it, or removed it again.
    if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  try {
    // Whoever opened it since may have been quicker.
    if (!file.tryLock(0, 0, false)) return false;
    const queueGone = seatsAreFree(system, path) && removeLockFiles(system, path, file);
    if (!queueGone && file.isNamed()) system.unlinkSync(path);
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
  const file = OpenFile.open(system, path, readWrite);
  try {
    return file.tryLock(0, 0, false);
  } finally {
    file.close();
  }
}
