import { Buffer } from 'node:buffer';
import { realTime } from '@oslo-concurrency/core';
import { ownIdentity } from '../../owner/process-identity.js';
import type { WatchPool } from '../watch-pool.js';
import { openHidden } from './files/hidden-files.js';
import { hiddenPath } from './lock-paths.js';
import type { KernelSystem } from './system.js';

// Large enough that a release seldom wakes a waiter other than the next, small enough not to matter in a directory.
const wakeFiles = 64;

/** The number of the one wake file that this thread listens to in every lock path. Its tickets carry the number. */
export function ownWakeFile(): number {
  return (ownIdentity().thread?.tid ?? process.pid) % wakeFiles;
}

// Seconds.
let stamp = 0;

/**
 * Calls `wake` when another process gives this thread a hint in the lock path of `lockFile`. Returns a function that
 * stops this.
 */
export function listen(system: KernelSystem, watchers: WatchPool, lockFile: string, wake: () => void): () => void {
  const create = (path: string): void => openHidden(system, path).close();
  return watchers.subscribe(hiddenPath(lockFile, 'wake', String(ownWakeFile())), wake, create);
}

/**
 * Gives a hint to the threads that wait for `lockFile` and listen to wake file `number`. If this fails, the waiter sees
 * the release at its next poll.
 */
export function giveHint(system: KernelSystem, lockFile: string, number: number): void {
  const path = hiddenPath(lockFile, 'wake', String(number % wakeFiles));
  // Another one each time, and near the present, so that no cleaner of old files removes what somebody listens to.
  stamp = Math.max(stamp + 0.001, realTime.date() / 1000);
  try {
    // Not through a link: another user may have placed one there to make us set the times of one of our files.
    system.lutimesSync(path, stamp, stamp);
  } catch (error) {
    // If the file does not exist, no thread watches it. If it belongs to another user, we may not set its times, but we
    // may write to it.
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
    // The waiter sees the release at its next poll.
  }
}
