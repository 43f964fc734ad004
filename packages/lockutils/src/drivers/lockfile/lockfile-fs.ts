import * as fs from 'node:fs';
import { mkdir, readdir, readFile, rename, rmdir, unlink, utimes, writeFile } from 'node:fs/promises';

/** What a call answers: at once, or later. */
export type Answer<T> = T | Promise<T>;

/**
 * Every file system call of the `lockfile` driver that takes part in locking, as in `node:fs/promises`.
 *
 * It is the extension point for slow and failing file systems: give `lockfileDriver` an object made from the default
 * one with some calls replaced. A failing call fails the attempt or the release, with nothing held by it, or still held
 * and said so; a slow one makes it slow.
 *
 * @example
 * lockfileDriver({ fs: { ...promisedFs, rename: async (from, to) => { await slow(); await promisedFs.rename(from, to); } } });
 */
export interface LockfileFs {
  mkdir(path: string): Answer<unknown>;
  /** Creates the file; fails when there is one. */
  create(path: string, content: Uint8Array): Answer<void>;
  chmod(path: string, mode: number): Answer<void>;
  readFile(path: string): Answer<Uint8Array>;
  readdir(path: string): Answer<string[]>;
  rename(from: string, to: string): Answer<void>;
  unlink(path: string): Answer<void>;
  rmdir(path: string): Answer<void>;
  /** Keeps the file of a long hold young; without it nothing does. */
  utimes?(path: string, atime: number, mtime: number): Answer<void>;
}

/** The calls of `node:fs/promises`: the event loop goes on while the disk or a server is slow. */
export const promisedFs: LockfileFs = {
  mkdir: (path) => mkdir(path),
  create: (path, content) => writeFile(path, content, { flag: 'wx' }),
  chmod: (path, mode) => fs.promises.chmod(path, mode),
  readFile: (path) => readFile(path),
  readdir: (path) => readdir(path),
  rename,
  unlink,
  rmdir: (path) => rmdir(path),
  utimes,
};

/** The calls of `node:fs` that return when they are done, for `lockSync`. */
export const synchronousFs: LockfileFs = {
  mkdir: (path) => fs.mkdirSync(path),
  create: (path, content) => fs.writeFileSync(path, content, { flag: 'wx' }),
  chmod: fs.chmodSync,
  readFile: (path) => fs.readFileSync(path),
  readdir: (path) => fs.readdirSync(path),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
  rmdir: (path) => fs.rmdirSync(path),
  utimes: fs.utimesSync,
};
