import { Buffer } from 'node:buffer';
import { dirname, sep } from 'node:path';
import { threadId } from 'node:worker_threads';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { SharedWatchers } from './shared-watchers.js';
import type { KernelSystem } from './system.js';

// Enough that a release seldom wakes anybody but the next, few enough to be forgotten about in a directory.
const wakeFiles = 64;

/** The number of the one wake file this thread listens to in every lock path; its tickets carry it. */
export const ownWakeFile = (process.pid + threadId * 7) % wakeFiles;

let stamp = 0;

/** Where the wake files for this lock file are. */
export function wakeFolderOf(lockFile: string): string {
  return dirname(hiddenPath(lockFile, 'wake'));
}

/** Calls `wake` when somebody gives this thread a hint in the lock path of `lockFile`. Returns how to stop. */
export function listen(system: KernelSystem, watchers: SharedWatchers, lockFile: string, wake: () => void): () => void {
  const create = (path: string): void => openHidden(system, path).close();
  return watchers.subscribe(hiddenPath(lockFile, 'wake', String(ownWakeFile)), wake, create);
}

/**
 * Gives a hint to whoever listens to wake file `number`. When it cannot be given, the guard poll of the waiter sees the
 * release.
 */
export function giveHint(system: KernelSystem, wakeFolder: string, number: number): void {
  const path = `${wakeFolder}${sep}${number % wakeFiles}`;
  stamp = (stamp + 1) % 1_000_000;
  try {
    // Not through a link, which somebody may have laid there to have us set the times of a file of ours.
    system.lutimesSync(path, stamp, stamp);
  } catch (error) {
    // Not there: nobody watches it. Another user's: only its owner may set times, but we may write to it.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') write(system, path);
  }
}

function write(system: KernelSystem, path: string): void {
  try {
    const file = openHidden(system, path);
    try {
      file.write(Buffer.from('.'), 1, 0);
    } finally {
      file.close();
    }
  } catch {
    // The guard poll sees it.
  }
}
