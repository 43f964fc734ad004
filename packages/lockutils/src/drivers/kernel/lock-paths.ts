import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hiddenFolder, makeHiddenFolder } from '../../lock-path/hidden-folder.js';
import { createFile } from '../../lock-path/new-file.js';
import { lockPathOf } from '../../lock-path/rights.js';
import { fileError } from '../file-errors.js';
import { withSpareDescriptors } from '../idle-files.js';
import { OpenFile } from './open-file.js';
import type { KernelSystem } from './system.js';

/** The kinds of files that each lock has for itself: its queue, and the seats of its permit holders and its readers. */
export const kindsOfLock = ['queue', 'seats', 'readers'] as const;

/**
 * The files that the kernel driver keeps in addition to the lock files; one folder for each kind, inside the hidden
 * folder.
 */
export type HiddenKind = (typeof kindsOfLock)[number] | 'wake';

const openExisting = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** The path of the hidden file of this kind for a lock file. */
export function hiddenPath(lockFile: string, kind: HiddenKind, name = basename(lockFile)): string {
  return join(dirname(lockFile), hiddenFolder, kind, name);
}

// Folders that were found to be folders, not links that would make us create files elsewhere. A user able to change one
// later owns the lock path, or was the first to use it where everybody may write.
const seen = new Set<string>();

/** Opens a hidden file for reading and writing. Creates its folder and the file if they do not exist. */
export function openHidden(system: KernelSystem, path: string): OpenFile {
  const folder = dirname(path);
  try {
    if (!seen.has(folder)) makeFolder(folder);
    return openOrCreate(system, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(path, 'open', error);
  }
  // Somebody has emptied the lock path since.
  try {
    makeFolder(folder);
    return openOrCreate(system, path);
  } catch (error) {
    throw fileError(path, 'create', error);
  }
}

// As with lock files, never O_CREAT on an existing file: in a sticky folder the kernel would refuse another user's
// file.
function openOrCreate(system: KernelSystem, path: string): OpenFile {
  for (let round = 0; ; round += 1) {
    try {
      return OpenFile.open(system, path, openExisting);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    try {
      withSpareDescriptors(() => createFile(lockPathOf(path), path, system));
    } catch (error) {
      // It was created or removed between the two calls: try again.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || round >= 100) throw error;
    }
  }
}

function makeFolder(folder: string): void {
  makeHiddenFolder(dirname(dirname(folder)), basename(folder));
  if (seen.size >= 1000) seen.clear();
  seen.add(folder);
}
