import * as fs from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename, rmdir, unlink, utimes } from 'node:fs/promises';
import { giveFileRights } from '../../lock-path/new-file.js';
import { openFolder } from '../../lock-path/real-path.js';
import { giveFolderRights, giveRights, isLike, modeIn, promisedRights, type Rights } from '../../lock-path/rights.js';
import { perform, run, runSync, type Steps, step } from '../../steps.js';
import { promisedWithSpareDescriptors as spared, withSpareDescriptors } from '../idle-files.js';
import { WatchPool } from '../watch-pool.js';

/** The answer of a call: a value or a promise of it. */
export type Answer<T> = T | Promise<T>;

/**
 * Every file system call of the `lockfile` driver that takes part in locking, as in `node:fs/promises`.
 *
 * This is the extension point for slow and failing file systems: give `lockfileDriver` an object made from the default
 * one, with some calls replaced. A failing call fails the attempt or the release; then nothing is held by it, or the
 * lock is still held and the error reports that. A slow call makes it slow.
 *
 * @example
 * lockfileDriver({ fs: { ...promisedFs, rename: async (from, to) => { await slow(); await promisedFs.rename(from, to); } } });
 */
export interface LockfileFs {
  /** Creates a folder, with the rights of the lock path if they are given. */
  mkdir(path: string, lockPath?: Rights): Answer<unknown>;
  /** Creates the file, with the rights of the lock path if they are given. Fails if the file exists. */
  create(path: string, content: Uint8Array, lockPath?: Rights): Answer<void>;
  /** Whether there is anything at `path`. Unlike the other calls, it costs no exception if there is nothing. */
  exists(path: string): Answer<boolean>;
  readFile(path: string): Answer<Uint8Array>;
  readdir(path: string): Answer<string[]>;
  rename(from: string, to: string): Answer<void>;
  unlink(path: string): Answer<void>;
  rmdir(path: string): Answer<void>;
  /** Keeps the file of a long hold young. Without this call, nothing does. */
  utimes?(path: string, atime: number, mtime: number): Answer<void>;
}

/** The calls of `node:fs/promises`: the event loop continues while the disk or a server is slow. */
export const promisedFs: LockfileFs = {
  async mkdir(path, lockPath) {
    if (lockPath === undefined) return mkdir(path);
    await mkdir(path, modeIn(lockPath, 'meeting folder'));
    if (isLike(await lstat(path), lockPath, 'meeting folder')) return;
    const folder = await spared(() => open(path, openFolder));
    try {
      await run(giveRights(promisedRights, folder.fd, path, 'meeting folder'));
    } finally {
      await folder.close();
    }
  },
  async create(path, content, lockPath) {
    const mode = lockPath === undefined ? undefined : modeIn(lockPath, 'file');
    const file = await spared(() => open(path, 'wx', mode));
    try {
      if (lockPath !== undefined && !isLike(await file.stat(), lockPath, 'file')) {
        await run(giveRights(promisedRights, file.fd, path, 'file'));
      }
      await file.writeFile(content);
    } finally {
      // A network file system may report only here that the write has failed.
      await file.close();
    }
  },
  exists: (path) =>
    lstat(path).then(
      () => true,
      (error) => {
        if (isCode(error, 'ENOENT')) return false;
        throw error;
      },
    ),
  readFile: (path) => spared(() => readFile(path)),
  readdir: (path) => spared(() => readdir(path)),
  rename,
  unlink,
  rmdir: (path) => rmdir(path),
  utimes,
};

/** The synchronous calls of `node:fs`, for local file systems and `lockSync`. */
export const synchronousFs: LockfileFs = {
  mkdir(path, lockPath) {
    if (lockPath === undefined) return fs.mkdirSync(path);
    fs.mkdirSync(path, modeIn(lockPath, 'meeting folder'));
    // Usually the folder has its rights already, and this look is cheaper than opening it.
    if (isLike(fs.lstatSync(path), lockPath, 'meeting folder')) return;
    withSpareDescriptors(() => giveFolderRights(path, lockPath, 'meeting folder'));
  },
  create(path, content, lockPath) {
    const mode = lockPath === undefined ? 0o666 : modeIn(lockPath, 'file');
    const fd = withSpareDescriptors(() => fs.openSync(path, 'wx', mode));
    try {
      if (lockPath !== undefined) giveFileRights(fd, path, lockPath);
      fs.writeFileSync(fd, content);
    } finally {
      fs.closeSync(fd);
    }
  },
  exists: (path) => fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined,
  readFile: (path) => withSpareDescriptors(() => fs.readFileSync(path)),
  readdir: (path) => withSpareDescriptors(() => fs.readdirSync(path)),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
  rmdir: (path) => fs.rmdirSync(path),
  utimes: fs.utimesSync,
};

/** How the steps of one lock path run. `synchronous`: at once, with calls that return no promises. */
export interface Calls {
  readonly fs: LockfileFs;
  readonly synchronous: boolean;
}

/** For a lock path on a local file system. */
export const localCalls: Calls = { fs: synchronousFs, synchronous: true };

/** For a lock path on a network file system, or on one that is not known. */
export const remoteCalls: Calls = { fs: promisedFs, synchronous: false };

/** Runs the steps. */
export function performed<T>({ synchronous }: Calls, steps: Steps<T>): T | Promise<T> {
  return synchronous ? runSync(steps) : perform(steps);
}

/** The watchers of the folders in which other processes create and remove entries. */
export const folderWatches = new WatchPool((path, listener) => fs.watch(path, { persistent: false }, listener));

/** The names in a folder; none if there is no such folder. */
export function* namesIn(fs: LockfileFs, folder: string): Steps<string[]> {
  try {
    return yield* step(fs.readdir(folder));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Removes a file; `false` if there was none. */
export function* removed(fs: LockfileFs, path: string): Steps<boolean> {
  try {
    yield* step(fs.unlink(path));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Removes a folder if it is empty. Returns whether it is gone now. */
export function* folderRemoved(fs: LockfileFs, folder: string): Steps<boolean> {
  try {
    yield* step(fs.rmdir(folder));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return true;
    if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    if ((yield* namesIn(fs, folder)).length > 0) return false;
    throw error;
  }
}

/**
 * Ignores the failure of a call: other processes judge and remove what it leaves behind. Returns whether it succeeded.
 */
export function* quietly(call: () => Answer<unknown>): Steps<boolean> {
  try {
    yield* step(call());
    return true;
  } catch {
    return false;
  }
}

/** Whether `error` is a system error with one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
