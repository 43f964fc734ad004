import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hiddenFolder } from './lock-path.js';
import { giveFolderRights, type Made, modeIn, placeBeside, rightsOf } from './rights.js';

export { hiddenFolder };

/**
 * Creates `<directory>/.oslo-concurrency/<names...>` if it is missing, each level with the rights of `directory`: every
 * user with write access there can take part, whatever our umask is. Returns its path.
 *
 * Follows no symbolic link inside `directory`. @throws the system's error; `ENOTDIR` if something else is in the way.
 */
export function makeHiddenFolder(directory: string, ...names: readonly string[]): string {
  let path = directory;
  for (const name of [hiddenFolder, ...names]) {
    path = join(path, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) makeFolder(directory, path, 'folder');
    else if (!found.isDirectory()) throw notADirectory(path);
  }
  return path;
}

/**
 * Creates `<directory>/.oslo-concurrency/<area>/<name>` in the same way, as a folder in which users remove files that
 * other users left.
 */
export function makeMeetingPlace(directory: string, area: string, name: string): string {
  const path = join(makeHiddenFolder(directory, area), name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) makeFolder(directory, path, 'meeting folder');
  else if (!found.isDirectory()) throw notADirectory(path);
  return path;
}

// The folder is created under a name of its own and renamed when it is complete, so no process finds it without its
// rights. If we end between the two, we leave an empty folder that `cleanLocks` removes. If another process has created
// the folder in the meantime, the rename replaces it only while that one is empty, and then ours is equivalent.
function makeFolder(directory: string, path: string, kind: Made): void {
  const hidden = join(directory, hiddenFolder);
  const made = path === hidden ? `${hidden}.${randomUUID()}` : join(hidden, `new.${randomUUID()}`);
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

function notADirectory(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR', path });
}
