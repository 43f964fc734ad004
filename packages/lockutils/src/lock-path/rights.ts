import type { Stats } from 'node:fs';
import * as fs from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { runSync, type Steps, step } from '../steps.js';
import { hiddenFolder } from './lock-path.js';

/** Who owns a lock path, and its mode without the file type: what everything in it is to be like. */
export type Rights = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/** What was made in a lock path. */
export type Made = 'file' | 'folder' | 'meeting folder' | 'marker' | 'file of the marker';

// What each may have of the mode of the lock path. In a meeting folder users remove and rename what others left, the dead
// above all, which a sticky bit would forbid them. The marker of the driver is for all to read, and its owner's to change.
const atMost: Record<Made, number> = {
  file: 0o666,
  folder: 0o7777,
  'meeting folder': 0o6777,
  marker: 0o755,
  'file of the marker': 0o644,
};

/** The rights of a lock path. @throws the system's error */
export function rightsOf(directory: string): Rights {
  return fs.statSync(directory);
}

/** The mode with which a file or folder is created: what the lock path grants, before the umask takes from it. */
export function modeIn({ mode }: Rights, made: Made): number {
  return mode & atMost[made];
}

/** Whether nothing has to be done for a new file or folder to be like its lock path. */
export function isLike(found: Rights, lockPath: Rights, made: Made): boolean {
  if (process.platform === 'win32') return true;
  const ofGroup = found.gid === lockPath.gid;
  if (isRoot() ? found.uid !== lockPath.uid || !ofGroup : !ofGroup && isMember(lockPath.gid)) return false;
  return (found.mode & 0o7777) === modeFor(lockPath, made, ofGroup);
}

/** The calls that {@link giveRights} makes. */
export interface RightsCalls {
  fstat(fd: number): Stats | Promise<Stats>;
  fchmod(fd: number, mode: number): void | Promise<void>;
  fchown(fd: number, uid: number, gid: number): void | Promise<void>;
  chmod(path: string, mode: number): void | Promise<void>;
  readlink(path: string): string | Promise<string>;
  realpath(path: string): string | Promise<string>;
  readdir(path: string): string[] | Promise<string[]>;
  stat(path: string): Stats | Promise<Stats>;
}

/** Those that return when they are done. */
export const synchronousRights: RightsCalls = {
  fstat: (fd) => fs.fstatSync(fd),
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  chmod: fs.chmodSync,
  readlink: (path) => fs.readlinkSync(path),
  realpath: (path) => fs.realpathSync(path),
  readdir: (path) => fs.readdirSync(path),
  stat: (path) => fs.statSync(path),
};

/** Those with promises. */
export const promisedRights: RightsCalls = {
  fstat: promisify(fs.fstat) as (fd: number) => Promise<Stats>,
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  chmod: fs.promises.chmod,
  readlink: (path) => fs.promises.readlink(path),
  realpath: (path) => fs.promises.realpath(path),
  readdir: (path) => fs.promises.readdir(path),
  stat: (path) => fs.promises.stat(path),
};

/**
 * Gives a file or folder that this process has just created, and has open as `fd`, the group and the access of its lock
 * path, and when this process is root, its owner. Whatever the umask is, whoever may use the lock path may use it then, and
 * nobody else. Never throws: what could not be set is left narrower, and is named to whoever cannot open it.
 *
 * Why nobody gains by it what the directory does not grant:
 * - By the descriptor, so the file that was created is changed, not one that was put under its name meanwhile. A folder has
 *   to be opened by its name, so it is changed only while it is ours, and by root only while it is empty.
 * - The rights are those of the directory that the file really lies in. Whoever owns the lock path could have replaced
 *   one of its folders by a link to elsewhere; what is created there follows the owner and mode of elsewhere.
 * - Where the group cannot be set, the file's group is a stranger to the lock path, and gets what all others get.
 * - First the group, then the mode, then the owner: at each step, a crash there included, no one has more than at the end.
 */
export function* giveRights(calls: RightsCalls, fd: number, path: string, made: Made): Steps<void> {
  try {
    const real = yield* realPathOf(calls, fd, path);
    const lockPath = yield* step(calls.stat(lockPathOf(real.path)));
    const stats = yield* step(calls.fstat(fd));
    const { uid, gid } = stats;
    if (uid !== process.geteuid?.()) return;
    const ownerToo = isRoot() && lockPath.uid !== uid;
    if (ownerToo && stats.isDirectory() && (yield* step(calls.readdir(linkTo(fd)))).length > 0) return;
    const ofGroup = gid === lockPath.gid || (yield* succeeds(() => calls.fchown(fd, unchanged, lockPath.gid)));
    const mode = modeFor(lockPath, made, ofGroup);
    // Under node --permission no descriptor may be changed; the kernel's name of the file leads through no link.
    const changed = yield* succeeds(() => calls.fchmod(fd, mode));
    if (!changed && real.certain) yield* succeeds(() => calls.chmod(real.path, mode));
    if (ownerToo && real.certain) yield* succeeds(() => calls.fchown(fd, lockPath.uid, unchanged));
  } catch {
    // Removed or replaced meanwhile, or a place that this user may not look at.
  }
}

/** Gives a folder that was just made the rights of its lock path. Returns where the kernel says that it lies. */
export function giveFolderRights(path: string, lockPath: Rights, made: Made = 'folder'): string | undefined {
  if (process.platform === 'win32') return undefined;
  const fd = fs.openSync(path, openFolder);
  try {
    if (!isLike(fs.fstatSync(fd), lockPath, made)) runSync(giveRights(synchronousRights, fd, path, made));
    return realPathOfOpen(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** The path under which the kernel knows an open file, without links; `undefined` where it does not tell. */
export function realPathOfOpen(fd: number): string | undefined {
  try {
    return fs.readlinkSync(linkTo(fd));
  } catch {
    return undefined;
  }
}

/**
 * Gives something new its name: calls `name` with the path where it shall lie. `false` when that would be outside of the lock
 * path that `real`, where it lies now, is in. Somebody could have laid a link there, so that what has the rights of this
 * lock path would come to lie elsewhere. The path leads through the open folder that was looked at, not through its name.
 */
export function placeBeside(real: string | undefined, path: string, name: (path: string) => void): boolean {
  // Under node --permission the kernel's names of open files are out of bounds.
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

/** How a folder is opened that must not be a link. */
export const openFolder = fs.constants.O_RDONLY | (fs.constants.O_DIRECTORY ?? 0) | (fs.constants.O_NOFOLLOW ?? 0);

/** The lock path that a lock file, or something in the hidden folder, lies in. */
export function lockPathOf(path: string): string {
  const hidden = path.lastIndexOf(`${sep}${hiddenFolder}${sep}`);
  return hidden < 0 ? dirname(path) : path.slice(0, hidden) || sep;
}

// For fchown(2): as it is.
const unchanged = -1;

function modeFor(lockPath: Rights, made: Made, ofGroup: boolean): number {
  const mode = modeIn(lockPath, made);
  return ofGroup ? mode : (mode & ~0o2070) | ((mode & 0o007) << 3);
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function isMember(gid: number): boolean {
  return process.getegid?.() === gid || process.getgroups?.().includes(gid) === true;
}

function linkTo(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

// The kernel knows where an open file lies; without its word a name may have been changed between two looks at it.
function* realPathOf(calls: RightsCalls, fd: number, path: string): Steps<{ path: string; certain: boolean }> {
  try {
    return { path: yield* step(calls.readlink(linkTo(fd))), certain: true };
  } catch {
    return { path: yield* step(calls.realpath(path)), certain: false };
  }
}

function* succeeds(call: () => void | Promise<void>): Steps<boolean> {
  try {
    yield* step(call());
    return true;
  } catch {
    return false;
  }
}
