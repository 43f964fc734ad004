import { randomUUID } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hiddenFolder } from './lock-path.js';
import { giveFolderRights, type Made, modeIn, placeBeside, rightsOf } from './rights.js';

export { hiddenFolder };

/**
 * Makes `<directory>/.oslo-concurrency/<names...>` where it is missing, each level with the rights of `directory`: whoever
 * may make lock files there can take part, whatever our umask is. Returns its path.
 *
 * Follows no symbolic link inside `directory`. @throws the system's error; `ENOTDIR` for whatever else lies in the way.
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

/** Makes `<directory>/.oslo-concurrency/<area>/<name>` alike, as a folder in which users remove what others left. */
export function makeMeetingPlace(directory: string, area: string, name: string): string {
  const path = join(makeHiddenFolder(directory, area), name);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) makeFolder(directory, path, 'meeting folder');
  else if (!found.isDirectory()) throw notADirectory(path);
  return path;
}

// Made under a name of its own and renamed when it is complete, so nobody finds it closed to others; ended between the two,
// we leave an empty folder that `cleanLocks` removes. The rename puts it over one that somebody else has made meanwhile only
// while that is empty, and then it is as good.
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
    // It was never made, or `cleanLocks` removes it.
  }
}

function notADirectory(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR', path });
}
