import { dirname } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { keepMarkerYoung } from '../../../lock-path/driver-marker.js';
import type { OpenFile } from '../files/open-file.js';
import { readState, restoreMark } from '../files/owner-mark.js';
import { hiddenPath, kindsOfLock } from '../lock-paths.js';
import type { KernelSystem } from '../system.js';

/**
 * Keeps cleaners of old files, such as systemd-tmpfiles, from removing the files of a lock that is held. `file` is the
 * lock file; `marked` says whether its mark is the holder's own. A file that cannot be kept young may be removed. Then
 * its holder learns of that.
 */
export function keepLockYoung(system: KernelSystem, file: OpenFile, marked: boolean): void {
  touch(file, marked);
  const now = realTime.date() / 1000;
  for (const kind of kindsOfLock) quietly(() => system.lutimesSync(hiddenPath(file.path, kind), now, now));
  keepMarkerYoung(dirname(file.path));
}

// Only the owner of a file may set its times. An exclusive holder may instead rewrite the same content, which changes
// one of the times. Reading changes the other, on most mounts once a day.
function touch(file: OpenFile, marked: boolean): void {
  try {
    file.touch();
  } catch {
    if (marked) restoreMark(file, 0);
    else quietly(() => readState(file, 0));
  }
}

function quietly(call: () => unknown): void {
  try {
    call();
  } catch {
    // Explained at `keepLockYoung`.
  }
}
