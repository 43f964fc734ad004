import { basename, dirname, join } from 'node:path';
import { hiddenFolder, makeHiddenFolder } from '../../lock-path/hidden-folder.js';
import { createFile } from '../../lock-path/new-file.js';
import { lockPathOf } from '../../lock-path/rights.js';
import { OpenFile, openOrCreate } from './files/open-file.js';
import type { KernelSystem } from './system.js';

/** The kinds of files that each lock has for itself: its queue, and the seats of its permit holders and its readers. */
export const kindsOfLock = ['queue', 'seats', 'readers'] as const;

/**
 * The files that the kernel driver keeps in addition to the lock files; one folder for each kind, inside the hidden
 * folder.
 */
export type HiddenKind = (typeof kindsOfLock)[number] | 'wake';

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
  const create = (): void => createFile(lockPathOf(path), path, system);
  return openOrCreate(
    path,
    () => {
      if (!seen.has(folder)) makeFolder(folder);
      return OpenFile.openToWrite(system, path);
    },
    () => {
      try {
        create();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        // Somebody has emptied the lock path since.
        makeFolder(folder);
        create();
      }
    },
  );
}

function makeFolder(folder: string): void {
  makeHiddenFolder(dirname(dirname(folder)), basename(folder));
  if (seen.size >= 1000) seen.clear();
  seen.add(folder);
}
