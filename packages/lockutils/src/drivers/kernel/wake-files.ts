import { Buffer } from 'node:buffer';
import { basename } from 'node:path';
import { hiddenPath, openHidden } from './hidden-files.js';
import type { KernelSystem } from './kernel-system.js';

// Enough that a release seldom wakes anybody but the next, few enough to be forgotten about in a directory.
const wakeFiles = 64;

let stamp = 0;

/**
 * The file whose change tells the waiter with `ticket` that its turn may have come. All names of a lock path share the
 * 64 files; a hint meant for another costs one try.
 */
export function wakeFile(lockFile: string, ticket: number): string {
  let hash = 0;
  for (const character of basename(lockFile)) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003;
  return hiddenPath(lockFile, 'wake', String((hash + ticket) % wakeFiles));
}

/** Changes a wake file. A hint only: when it cannot be changed, the guard poll of the waiter sees the release. */
export function touch(system: KernelSystem, path: string): void {
  stamp = (stamp + 1) % 1_000_000;
  try {
    system.utimesSync(path, stamp, stamp);
  } catch (error) {
    // Not there: nobody watches it. Another user's: only its owner may set times, but we may write to it.
    if ((error as NodeJS.ErrnoException).code === 'EPERM') write(system, path);
  }
}

function write(system: KernelSystem, path: string): void {
  try {
    const fd = openHidden(system, path);
    try {
      system.writeSync(fd, Buffer.from('.'), 0, 1, 0);
    } finally {
      system.closeSync(fd);
    }
  } catch {
    // The guard poll sees it.
  }
}

/** Calls `wake` at each change of `path`; without watches left (128 inotify instances a user) it never does. */
export function watchFile(system: KernelSystem, path: string, wake: () => void, create: boolean): () => void {
  try {
    if (create) system.closeSync(openHidden(system, path));
    const watcher = system.watch(path, wake);
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}
