import type { Stats } from 'node:fs';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { runSync, type Steps, step } from '../steps.js';
import { linkTo, lockPathOf, openFolder, realPathOfOpen } from './real-path.js';

/** The owner and group of a lock path, and its mode without the file type. Everything created in it follows these. */
export type Rights = Pick<Stats, 'uid' | 'gid' | 'mode'>;

/** What was created in a lock path. */
export type Made = 'file' | 'folder' | 'meeting folder' | 'marker' | 'file of the marker';

// The most that each may have of the lock path's mode. In a meeting folder, users remove and rename files that others
// left, especially the dead; a sticky bit would forbid that. Every user may read the marker of the driver, and only its
// owner may change it.
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

/** The mode with which a file or folder is created: the mode of the lock path, before the umask is applied. */
export function modeIn({ mode }: Rights, made: Made): number {
  return mode & atMost[made];
}

/** Whether a new file or folder already has the rights of its lock path. */
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

/** The synchronous calls. */
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

/** The calls with promises. */
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
 * Gives a file or folder that this process has just created, and has open as `fd`, the group and the access rights of
 * its lock path; if this process is root, also its owner. Then every user of the lock path may use the file, whatever
 * the umask is, and no other user. Never throws: rights that could not be set stay narrower, and the error names them
 * to a user without access.
 *
 * Why this grants no user more than the directory does:
 * - The calls use the descriptor, so they change the file that was created, not one that replaced it in the meantime. A
 *   folder has to be opened by its name, so it is changed only if it is ours, and by root only while it is empty.
 * - The rights are those of the directory in which the file really lies. The owner of the lock path could have replaced
 *   one of its folders by a link to another place; a file created there follows the owner and mode of that place.
 * - If the group cannot be set, the file's group is not the group of the lock path. It gets the rights that all other
 *   users get.
 * - The order is group, mode, owner. After each step, and after a crash at that step, no user has more rights than at
 *   the end.
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
    // Under node --permission, no descriptor may be changed. The kernel's name of the file contains no link.
    const changed = yield* succeeds(() => calls.fchmod(fd, mode));
    if (!changed && real.certain) yield* succeeds(() => calls.chmod(real.path, mode));
    if (ownerToo && real.certain) yield* succeeds(() => calls.fchown(fd, lockPath.uid, unchanged));
  } catch {
    // The file was removed or replaced in the meantime, or this user may not examine the place.
  }
}

/** Gives a folder that was just created the rights of its lock path. Returns its path as the kernel reports it. */
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

// For fchown(2): leave unchanged.
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

// The kernel knows the path of an open file. Without it, a name may have changed between two checks.
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
