import { constants, lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { hiddenPath, kindsOfLock } from '../drivers/kernel/hidden-files.js';
import type { KernelSystem } from '../drivers/kernel/kernel-system.js';
import { OpenFile } from '../drivers/kernel/open-file.js';
import { removeLockFiles } from '../drivers/kernel/removal.js';
import { seatKinds } from '../drivers/kernel/seats.js';
import { namesIn } from './names-in.js';

const createNew = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
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
    file = OpenFile.open(system, path, createNew, 0o666);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
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

/** Removes the half-made driver markers that crashes left behind more than an hour ago. */
export function removeHalfMadeMarkers(directory: string): void {
  const hidden = join(directory, hiddenFolder);
  for (const name of namesIn(hidden)) {
    if (!/^driver\.[0-9a-f-]{36}$/.test(name)) continue;
    const stats = lstatSync(join(hidden, name), { throwIfNoEntry: false });
    if (stats?.isDirectory() === true && realTime.date() - stats.mtimeMs > 3_600_000) {
      rmSync(join(hidden, name), { recursive: true, force: true });
    }
  }
}
