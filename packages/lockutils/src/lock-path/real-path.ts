import * as fs from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { hiddenFolder } from './lock-path.js';

/** The path under which the kernel knows an open file, without links; `undefined` if the kernel does not report it. */
export function realPathOfOpen(fd: number): string | undefined {
  try {
    return fs.readlinkSync(linkTo(fd));
  } catch {
    return undefined;
  }
}

/**
 * Gives a new file its final name: calls `name` with the path that it should have. Returns `false` if that path would
 * lie outside of the lock path in which `real`, its current path, lies. Another user could have placed a link there,
 * which would move a file with the rights of this lock path to another place. The path leads through the folder that
 * was opened and checked, not through its name.
 */
export function placeBeside(real: string | undefined, path: string, name: (path: string) => void): boolean {
  // Under node --permission, the kernel's names of open files are not accessible.
  if (real === undefined || process.permission !== undefined) {
    name(path);
    return true;
  }
  const folder = fs.openSync(dirname(path), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    const target = realPathOfOpen(folder);
    if (target === undefined || lockPathOf(join(target, basename(path))) !== lockPathOf(real)) return false;
    name(join(linkTo(folder), basename(path)));
    return true;
  } finally {
    fs.closeSync(folder);
  }
}

/** The flags for opening a folder that must not be a link. */
export const openFolder = fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0) | (fs.constants.O_NOFOLLOW ?? 0);

/** The lock path that contains a lock file, or a file in the hidden folder. */
export function lockPathOf(path: string): string {
  const hidden = path.lastIndexOf(`${sep}${hiddenFolder}${sep}`);
  return hidden < 0 ? dirname(path) : path.slice(0, hidden) || sep;
}

/** The kernel's name of an open file or folder. It contains no link that a user could have placed. */
export function linkTo(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
