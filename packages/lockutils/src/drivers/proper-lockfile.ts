import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import lockfile from 'proper-lockfile';
import { run, runSync, type Steps } from '../steps.js';

/**
 * One attempt at a lock or lease, and the lock if the attempt succeeds. `LockFolder` explains what each method must do.
 */
export interface OwnedFolder {
  /** The name of its owner file, never used before. */
  readonly own: string;
  take(): Steps<boolean>;
  judge(): Steps<'free' | 'dead' | 'held'>;
  breakDead(): Steps<void>;
  release(): Steps<void>;
}

/** The arguments for proper-lockfile to acquire the lock that is the folder `held`, by one attempt with `folder`. */
export function lockCall(held: string, folder: OwnedFolder): [file: string, options: ProperLockfileOptions] {
  const options: ProperLockfileOptions = {
    lockfilePath: held,
    fs: ownedFs(folder),
    realpath: false,
    // Locks do not become stale by the age of the folder, so the heartbeat has nothing to do: the longest time that a
    // timer can be set to.
    stale: 2 ** 31 - 1,
    update: 2 ** 30 - 1,
    onCompromised: () => {},
  };
  // proper-lockfile identifies its locks by this name. Each attempt uses a name of its own: a holder whose lock was
  // removed by hand, or whose lease ran out, must not be mistaken for its successor in the same process.
  return [join(held, folder.own), options];
}

/**
 * proper-lockfile, which the bundle contains (`scripts/build-package.mjs`).
 *
 * As a package it would hook 16 signals and the process's exit (by signal-exit), and replace `fs.close`, `process.cwd`
 * and `process.chdir` (by graceful-fs). The driver needs neither: it recognises what an ended process leaves behind, and
 * all calls go through its own `fs`. The bundle replaces these two packages, so nothing is hooked. Its locks also stay
 * apart from those that the program makes with its own proper-lockfile, which keep their cleanup at exit.
 */
export const properLockfile = lockfile as unknown as ProperLockfile;

/** The calls that proper-lockfile makes on the file system it is given. */
interface ProperLockfileFs {
  mkdir(path: string, callback: (error: unknown) => void): void;
  stat(path: string, callback: (error: unknown, stats?: { readonly mtime: Date }) => void): void;
  utimes(path: string, atime: Date, mtime: Date, callback: (error: unknown) => void): void;
  rmdir(path: string, callback: (error: unknown) => void): void;
  mkdirSync(path: string): void;
  statSync(path: string): { readonly mtime: Date };
  utimesSync(path: string, atime: Date, mtime: Date): void;
  rmdirSync(path: string): void;
}

/** The options of proper-lockfile that we use. Its times are milliseconds. */
interface ProperLockfileOptions {
  readonly lockfilePath: string;
  readonly fs: ProperLockfileFs;
  readonly realpath: false;
  readonly stale: number;
  readonly update: number;
  readonly onCompromised: (error: Error) => void;
}

/** The part of proper-lockfile that we use. Both functions throw or reject with `ELOCKED` if the lock is held. */
interface ProperLockfile {
  lock(file: string, options: ProperLockfileOptions): Promise<() => Promise<void>>;
  lockSync(file: string, options: ProperLockfileOptions): () => void;
}

// Times that proper-lockfile considers stale and fresh, whatever the clock shows.
const stale = new Date(-8.64e15);
const fresh = new Date(8.64e15);

/**
 * The file system that proper-lockfile sees for one attempt at a lock. Its `mkdir` acquires the lock. Its `stat` judges
 * the current owner. Its `rmdir` removes the owner judged dead or, once the lock is held, releases it.
 *
 * Once held, `stat` and `utimes` answer from memory: the lock is not lost by its age, a slow disk or a stopped clock.
 */
function ownedFs(folder: OwnedFolder): ProperLockfileFs {
  let held = false;
  let mtime = new Date(realTime.date());
  const mkdir = function* (path: string): Steps<void> {
    if (!(yield* folder.take())) throw systemError('EEXIST', 'mkdir', path);
    held = true;
  };
  const stat = function* (path: string): Steps<{ readonly mtime: Date }> {
    if (held) return { mtime };
    const found = yield* folder.judge();
    if (found === 'free') throw systemError('ENOENT', 'stat', path);
    return { mtime: found === 'dead' ? stale : fresh };
  };
  const rmdir = (): Steps<void> => (held ? folder.release() : folder.breakDead());
  return {
    mkdir: (path, callback) => answer(mkdir(path), callback),
    stat: (path, callback) => answer(stat(path), callback),
    rmdir: (_path, callback) => answer(rmdir(), callback),
    utimes(_path, _atime, given, callback) {
      mtime = given;
      callback(null);
    },
    mkdirSync: (path) => runSync(mkdir(path)),
    statSync: (path) => runSync(stat(path)),
    rmdirSync: () => runSync(rmdir()),
    utimesSync(_path, _atime, given) {
      mtime = given;
    },
  };
}

// The callback runs outside the promise, so that an error it throws is not taken for a failure of the call.
function answer<T>(steps: Steps<T>, callback: (error: unknown, value?: T) => void): void {
  run(steps).then(
    (value) => realTime.nextTick(callback, null, value),
    (error: unknown) => realTime.nextTick(callback, error),
  );
}

function systemError(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}
