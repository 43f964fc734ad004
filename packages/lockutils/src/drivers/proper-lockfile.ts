import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
// Its own wrappers make promises of it, or calls of `fs` that end at once; both are done here.
// @ts-expect-error: it has no types
import { lock } from 'proper-lockfile/lib/lockfile.js';
import { isThenable, nothing, perform, type Steps, step } from '../steps.js';

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

/**
 * Acquires the lock that is the folder `held` by proper-lockfile, by one attempt with `folder`. Returns its release.
 * @throws `ELOCKED` if the lock is held
 *
 * The bundle contains proper-lockfile (`scripts/build-package.mjs`). As a package it would hook 16 signals and the
 * process's exit (by signal-exit), and replace `fs.close`, `process.cwd` and `process.chdir` (by graceful-fs). The driver
 * needs neither: it recognises what an ended process leaves behind, and all calls go through its own `fs`. The bundle
 * replaces these two packages, so nothing is hooked. Its locks also stay apart from those that the program makes with its
 * own proper-lockfile, which keep their cleanup at exit.
 */
export function* properlyLocked(held: string, folder: OwnedFolder): Steps<() => Steps<void>> {
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
  const locking = called<Release>((done) => (lock as ProperLock)(join(held, folder.own), options, done));
  const release = yield* step(locking);
  return () => step(called(release));
}

// What `call` answers: at once, if it calls back before it returns.
function called<T>(call: (done: Callback<T>) => void): T | Promise<T> {
  let answered: readonly unknown[] | undefined;
  let settle = nothing;
  call((...given) => {
    answered = given;
    settle();
  });
  const answer = (): T => {
    const [error, value] = answered as readonly [unknown, T];
    if (error) throw error;
    return value;
  };
  if (answered !== undefined) return answer();
  return new Promise<void>((resolve) => {
    settle = resolve;
  }).then(answer);
}

type Callback<T> = (error: unknown, value?: T) => void;
type Release = (done: Callback<void>) => void;

/** The calls that proper-lockfile makes on the file system it is given. */
interface ProperLockfileFs {
  mkdir(path: string, callback: Callback<void>): void;
  stat(path: string, callback: Callback<{ readonly mtime: Date }>): void;
  utimes(path: string, atime: Date, mtime: Date, callback: Callback<void>): void;
  rmdir(path: string, callback: Callback<void>): void;
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

/** The function of proper-lockfile that we use. */
type ProperLock = (file: string, options: ProperLockfileOptions, done: Callback<Release>) => void;

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
  };
}

// The callback runs outside of what catches errors here, so that one that it throws is not taken for a failure of the call.
function answer<T>(steps: Steps<T>, callback: Callback<T>): void {
  let value: T | Promise<T>;
  try {
    value = perform(steps);
  } catch (error) {
    callback(error);
    return;
  }
  const later = (...given: [unknown, T?]): void => realTime.nextTick(callback, ...given);
  if (isThenable(value)) value.then((answered) => later(null, answered), later);
  else callback(null, value);
}

function systemError(code: string, call: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code, syscall: call, path });
}
