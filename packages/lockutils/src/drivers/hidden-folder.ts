import { chmodSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hiddenFolder } from '../lock-path.js';

export { hiddenFolder };

/**
 * Makes `<directory>/.oslo-concurrency/<names...>` where it is missing, each level with the mode of `directory`: whoever
 * may make lock files there can take part, whatever our umask is. Returns its path.
 *
 * Follows no symbolic link inside `directory`. @throws the system's error; `ENOTDIR` for whatever else lies in the way.
 */
export function makeHiddenFolder(directory: string, ...names: readonly string[]): string {
  let path = directory;
  for (const name of [hiddenFolder, ...names]) {
    path = join(path, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) makeFolder(path, statSync(directory).mode & 0o7777);
    else if (!found.isDirectory()) throw notADirectory(path);
  }
  return path;
}

function makeFolder(path: string, mode: number): void {
  try {
    mkdirSync(path, mode);
    chmodSync(path, mode);
  } catch (error) {
    // Another process was quicker, and sets the mode.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!lstatSync(path).isDirectory()) throw notADirectory(path);
  }
}

function notADirectory(path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`ENOTDIR: not a directory, '${path}'`), { code: 'ENOTDIR', path });
}
