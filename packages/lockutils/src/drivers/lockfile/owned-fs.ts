import { realTime } from '@oslo-concurrency/core';
import { run, runSync, type Steps } from '../../steps.js';
import type { ProperLockfileFs } from './proper-lockfile.js';

// Times that proper-lockfile considers stale and fresh, whatever the clock shows.
const stale = new Date(-8.64e15);
const fresh = new Date(8.64e15);

/**
 * One attempt at a lock or lease, and the lock if the attempt succeeds. `LockFolder` explains what each method must do.
 */
export interface OwnedFolder {
  take(): Steps<boolean>;
  judge(): Steps<'free' | 'dead' | 'held'>;
  breakDead(): Steps<void>;
  release(): Steps<void>;
}

/**
 * The file system that proper-lockfile sees for one attempt at a lock. Its `mkdir` acquires the lock. Its `stat` judges
 * the current owner. Its `rmdir` removes the owner judged dead or, once the lock is held, releases it.
 *
 * Once held, `stat` and `utimes` answer from memory: the lock is not lost by its age, a slow disk or a stopped clock.
 */
export function ownedFs(folder: OwnedFolder): ProperLockfileFs {
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
