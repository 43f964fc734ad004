import { basename, dirname } from 'node:path';
import { claimLockPath } from '../../lock-path/driver-marker.js';
import { checkLockPath } from '../../lock-path/lock-path.js';
import { isOnLocalFileSystem } from '../../lock-path/network-file-system.js';
import { nothing, type Steps, step } from '../../steps.js';
import type { Grant, LockDriver, LockRequest } from '../driver.js';
import { withSpareDescriptors } from '../idle-files.js';
import { lockCall, type OwnedFolder, properLockfile } from '../proper-lockfile.js';
import { FolderHold } from './folder-hold.js';
import { explaining, lockfileGrant } from './grant.js';
import { holdersOf } from './holders.js';
import { LockFolder } from './lock-folder.js';
import { explained, lockPathsOf, seatPathsOf } from './lock-paths.js';
import { sweepOnce } from './owner-file.js';
import { joinQueue } from './queue.js';
import { Seats } from './seats.js';
import {
  type Calls,
  folderWatches,
  isCode,
  type LockfileFs,
  localCalls,
  performed,
  remoteCalls,
  synchronousFs,
} from './system.js';

/** Options of {@link lockfileDriver}. */
export interface LockfileDriverOptions {
  /**
   * The file system calls that take part in locking. By default those of `node:fs` if the lock path is certainly on a
   * local file system (known on Linux), where each takes microseconds; otherwise those of `node:fs/promises`, so that
   * a slow server does not stop the whole process.
   * @defaultValue chosen by the file system
   */
  readonly fs?: LockfileFs;
  /**
   * `true` runs each attempt and release synchronously, without promises, as `lockSync` needs it, wherever the lock
   * path is. If `fs` is given too, its calls must return their results and not promises.
   * @defaultValue `false`
   */
  readonly synchronous?: boolean;
}

/**
 * The strict driver for systems where the native add-on of the kernel driver is not available. It uses plain folders
 * and files, by proper-lockfile.
 *
 * Promises: at most one holder; the lock is never taken from a live holder, however old, paused or slow; if the holder
 * ended on this machine, the next caller acquires the lock at once. Does not promise to replace a holder on another
 * machine or in another container, because its end cannot be seen (`holders` names it; remove its file by hand).
 *
 * The lock of `web` is the folder `.oslo-concurrency/lockfile/held/web`; there is no file `web` itself. An exclusive
 * holder acquires the lock by `LockFolder`, readers and permit holders by `Seats`; `ModeChange` changes one mode into
 * the other.
 */
export function lockfileDriver(options: LockfileDriverOptions = {}): LockDriver {
  const { synchronous = false, fs } = options;
  const given = fs === undefined && !synchronous ? undefined : { fs: fs ?? synchronousFs, synchronous };
  const callsAt = (path: string): Calls => given ?? (isOnLocalFileSystem(dirname(path)) ? localCalls : remoteCalls);
  return {
    name: 'lockfile',
    tryAcquire(request) {
      check(request);
      const calls = callsAt(request.path);
      const steps = request.shared || request.permits !== undefined ? takingSeat : takingExclusively;
      return performed(calls, explaining(request.path, 'lock', steps(calls, request)));
    },
    joinQueue(request) {
      check(request);
      return joinQueue(callsAt(request.path), request);
    },
    onRelease: (request, wake) => listen(request, wake),
    holders({ path }) {
      const calls = callsAt(path);
      return performed(calls, holdersOf(calls.fs, path));
    },
  };
}

/**
 * Watches the folder of the lock first: each holder brings its own folder and removes it at its release, so only the
 * waiter for this lock is woken, and by no grant. When that folder is gone, or if there is none, the parent folder is
 * watched from then on. It reports the folders of all later holders, and those of other locks too; but a new watcher for
 * each holder would cost more while others acquire the lock again and again.
 */
function listen({ path, permits }: LockRequest, wake: () => void): () => void {
  const own = basename(path);
  const { held } = lockPathsOf(path);
  const watchAll = (): (() => void) =>
    folderWatches.subscribe(dirname(held), (name) => {
      if (name === undefined || name === own) wake();
    });
  // On Windows, a folder that is watched cannot be removed or replaced, and a waiter that watched it kept the lock from everybody:
  // the folder of a lock is free when it is empty, but the next holder's folder cannot take its place.
  if (process.platform === 'win32') return watchAll();
  let stop = nothing;
  stop =
    folderWatches.subscribeIfThere(held, (name) => {
      if (name === own) {
        stop();
        stop = watchAll();
      }
      wake();
    }) ?? watchAll();
  // If one of several holders leaves, nothing changes in the folder of the lock.
  const stopSeats = permits === undefined ? nothing : folderWatches.subscribe(seatPathsOf(path).seats, wake);
  return () => {
    stop();
    stopSeats();
  };
}

function* takingSeat({ fs, synchronous }: Calls, request: LockRequest): Steps<Grant | undefined> {
  const { path, label, permits } = request;
  const hold = new FolderHold(new Seats(fs, path), { label, permits });
  yield* sweepOnce(fs, path);
  return (yield* hold.take()) ? lockfileGrant(hold, synchronous) : undefined;
}

function* takingExclusively({ fs, synchronous }: Calls, request: LockRequest): Steps<Grant | undefined> {
  const { path, label } = request;
  const seats = new Seats(fs, path);
  const lock = new LockFolder(fs, path, { label, tidy: (names) => seats.tidy(names) });
  let hold: FolderHold | undefined;
  const holding = (): FolderHold => {
    hold ??= new FolderHold(seats, { label }, lock);
    return hold;
  };
  const folder: OwnedFolder = {
    own: lock.own,
    take: () => lock.take(),
    judge: () => lock.judge(),
    breakDead: () => lock.breakDead(),
    // By then other holders may share it.
    release: () => holding().release(),
  };
  yield* sweepOnce(fs, path);
  // Usually this is all there is to do while the lock is held.
  if ((yield* lock.judge()) === 'held') return undefined;
  const { lock: acquire, lockSync } = properLockfile;
  const call = lockCall(lockPathsOf(path).held, folder);
  let unlock: () => void | Promise<void>;
  try {
    unlock = yield* step<() => void | Promise<void>>(synchronous ? lockSync(...call) : acquire(...call));
  } catch (error) {
    if (isCode(error, 'ELOCKED')) return undefined;
    throw error;
  }
  // proper-lockfile forgets a lock before it releases it, so a second call after a failure must bypass it.
  let known = true;
  return lockfileGrant(holding(), synchronous, function* (): Steps<void> {
    if (!known) return yield* holding().release();
    known = false;
    yield* step(unlock());
  });
}

function check({ path }: LockRequest): void {
  checkLockPath(dirname(path));
  try {
    withSpareDescriptors(() => {
      claimLockPath(dirname(path), 'lockfile');
      lockPathsOf(path);
    });
  } catch (error) {
    throw explained(path, 'mark', error);
  }
}
