import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { hiddenFolder } from './hidden-folder.js';
import { namesIn } from './names-in.js';

/** The name of a hidden folder that is not complete yet. */
export const halfMadeHiddenFolder = /^\.oslo-concurrency\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Removes the incomplete markers, folders and files that crashes left behind more than an hour ago. */
export function removeHalfMade(directory: string): void {
  const hidden = join(directory, hiddenFolder);
  removeOld(hidden, /^(driver|new)\.[0-9a-f-]{36}$/);
  removeOld(directory, halfMadeHiddenFolder);
}

function removeOld(folder: string, halfMade: RegExp): void {
  for (const name of namesIn(folder)) {
    if (!halfMade.test(name)) continue;
    const stats = lstatSync(join(folder, name), { throwIfNoEntry: false });
    if (stats === undefined || realTime.date() - stats.mtimeMs <= 3_600_000) continue;
    try {
      rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // It belongs to another user, in a sticky directory.
    }
  }
}
