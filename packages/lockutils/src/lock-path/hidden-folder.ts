import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { nodeCrypto, realTime } from '@oslo-concurrency/core';
import { hiddenFolder } from './lock-path.js';
import { placeBeside } from './real-path.js';
import { giveFolderRights, type Made, modeIn, rightsOf } from './rights.js';
import { restoreThreadLocks } from './thread-lock-file.js';

export { hiddenFolder };

/**
 * Creates `<directory>/.oslo-concurrency/<names...>` if it is missing, each level with the rights of `directory`: every
 * user with write access there can take part, whatever our umask is. Returns its path.
 *
 * Follows no symbolic link inside `directory`. @throws the system's error; `ENOTDIR` if something else is in the way.
 */
export function makeHiddenFolder(directory: string, ...names: readonly string[]): string {
  return whileFoldersAppear(directory, () => {
    let path = directory;
    for (const name of [hiddenFolder, ...names]) {
      path = join(path, name);
      makeIfMissing(directory, path, 'folder');
    }
    return path;
  });
}

/**
 * Creates `<directory>/.oslo-concurrency/<area>/<name>` in the same way, as a folder in which users remove files that
 * other users left.
 */
export function makeMeetingPlace(directory: string, area: string, name: string): string {
  return whileFoldersAppear(directory, () => {
    const path = join(makeHiddenFolder(directory, area), name);
    makeIfMissing(directory, path, 'meeting folder');
    return path;
  });
}

/**
 * Calls `make` again while it fails because a folder that it was using is gone or was replaced, though the lock path is
 * there.
 *
 * Processes that meet in a new lock path create its folders at the same time. The rename of a complete folder replaces
 * one that another process has created, while that one is empty. A call that was under way into the replaced folder
 * fails with ENOENT, but the folder is there again. A process renames a folder only if it saw none before, so each
 * process replaces a folder at most once, and the calls succeed in the end.
 *
 * Somebody may also remove the hidden folder between two steps of a call. Then a rename fails with ENOTEMPTY at a folder
 * that is gone when the call looks at it, or the folder that the call has opened has no name any more, which is reported
 * as {@link notADirectory}.
 */
export function whileFoldersAppear<T>(directory: string, make: () => T): T {
  for (let round = 0; ; round += 1) {
    restoreThreadLocks(directory);
    try {
      return make();
    } catch (error) {
      const isPassing = /ENOENT|ENOTDIR|ENOTEMPTY/.test((error as NodeJS.ErrnoException).code ?? '');
      if (!isPassing || round >= 100 || !existsSync(directory)) throw error;
    }
  }
}

function makeIfMissing(directory: string, path: string, kind: Made): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) makeFolder(directory, path, kind);
  else if (!found.isDirectory()) throw notADirectory(path);
}

// The folder is created under a name of its own and renamed when it is complete, so no process finds it without its
// rights. If we end between the two, we leave an empty folder that `cleanLocks` removes. If another process has created
// the folder in the meantime, the rename replaces it only while that one is empty, and then ours is equivalent.
function makeFolder(directory: string, path: string, kind: Made): void {
  const hidden = join(directory, hiddenFolder);
  const made =
    path === hidden ? `${hidden}.${nodeCrypto().randomUUID()}` : join(hidden, `new.${nodeCrypto().randomUUID()}`);
  const rights = rightsOf(directory);
  try {
    mkdirSync(made, modeIn(rights, kind));
    const real = giveFolderRights(made, rights, kind);
    if (!placeBeside(real, path, (placed) => renameSync(made, placed))) throw notADirectory(dirname(path));
  } catch (error) {
    removeEmpty(made);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw error;
    if (!found.isDirectory()) throw notADirectory(path);
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It was never created, or `cleanLocks` removes it.
  }
}

/** The error for something in the place of a folder that was, or will be, at `path`. */
export function notADirectory(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR', path });
}

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

/** The names in a folder; none if there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
