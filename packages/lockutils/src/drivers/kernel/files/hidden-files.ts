import { basename, dirname } from 'node:path';
import { makeHiddenFolder, whileFoldersAppear } from '../../../lock-path/hidden-folder.js';
import { createFile } from '../../../lock-path/new-file.js';
import { lockPathOf } from '../../../lock-path/real-path.js';
import { IdleFiles } from '../../idle-files.js';
import { type HiddenKind, hiddenPath } from '../lock-paths.js';
import type { KernelSystem } from '../system.js';
import { OpenFile, openOrCreate } from './open-file.js';

/**
 * Opens the queues and seats of one driver, and keeps a few of them open for a moment after use (see {@link IdleFiles}).
 *
 * A kept file may be removed in the meantime, so its user calls {@link isThere} at a time when no process of ours
 * removes it: under the guard of the queue, or while holding the lock file of the seats.
 */
export class HiddenFiles {
  readonly system: KernelSystem;
  readonly #prepare: (lockFile: string) => void;
  readonly #trust: number;
  readonly #idle = new IdleFiles<OpenFile>();

  /** `prepare` checks the lock path, before a file is opened. `trust` as in {@link OpenFile.isStillNamed}. */
  constructor(system: KernelSystem, prepare: (lockFile: string) => void, trust: number) {
    this.system = system;
    this.#prepare = prepare;
    this.#trust = trust;
  }

  /** The kept file of this kind for a lock file, or that file opened again, and created if it does not exist. */
  open(lockFile: string, kind: HiddenKind): OpenFile {
    const path = hiddenPath(lockFile, kind);
    const kept = this.#idle.take(path);
    if (kept !== undefined) return kept;
    this.#prepare(lockFile);
    return openHidden(this.system, path);
  }

  /** Whether the name of the file still leads to it. */
  isThere(file: OpenFile): boolean {
    return file.isStillNamed(this.#trust);
  }

  /** Keeps a file on which nothing is locked any more, or closes it. For the caller, it is closed from now on. */
  keep(file: OpenFile): void {
    if (this.#idle.hasRoom(file.path)) this.#idle.keep(file.passOn());
    else file.close();
  }
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
        // Somebody has emptied the lock path since, or another process has just replaced the folder by its own.
        whileFoldersAppear(lockPathOf(path), () => {
          makeFolder(folder);
          create();
        });
      }
    },
  );
}

function makeFolder(folder: string): void {
  makeHiddenFolder(dirname(dirname(folder)), basename(folder));
  if (seen.size >= 1000) seen.clear();
  seen.add(folder);
}
