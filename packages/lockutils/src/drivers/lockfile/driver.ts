import { basename, dirname } from 'node:path';
import { claimLockPath } from '../../lock-path/driver-marker.js';
import { checkLockPath } from '../../lock-path/lock-path.js';
import { run, runSync, type Steps, step } from '../../steps.js';
import type { Grant, LockDriver, LockRequest } from '../driver.js';
import { joinLine } from './file-line.js';
import { FolderHold } from './folder-hold.js';
import { explaining, lockfileGrant, performer } from './grant.js';
import { holdersOf } from './holders.js';
import { lockCall } from './lock-call.js';
import { LockFolder } from './lock-folder.js';
import { explained, heldFolderOf, lockPathsOf, seatPathsOf } from './lock-paths.js';
import type { OwnedFolder } from './owned-fs.js';
import { loadProperLockfile } from './proper-lockfile.js';
import { Seats } from './seats.js';
import { sweepOnce } from './sweep.js';
import { folderWatches, type LockfileFs, promisedFs, synchronousFs } from './system.js';

/** Options of {@link lockfileDriver}. */
export interface LockfileDriverOptions {
  /** The file system calls that take part in locking; those of `node:fs/promises` by default. */
  readonly fs?: LockfileFs;
  /**
   * `true` runs each attempt and release synchronously, without promises, as `lockSync` needs it: faster on a local
   * disk, but a slow disk or server stops the whole process. If `fs` is given too, its calls must return their results
   * and not promises.
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
 * holder acquires the lock by `LockFolder`, readers and permit holders by `Seats`; `FolderHold` changes one mode into
 * the other.
 */
export function lockfileDriver(options: LockfileDriverOptions = {}): LockDriver {
  const { synchronous = false, fs = synchronous ? synchronousFs : promisedFs } = options;
  return {
    name: 'lockfile',
    tryAcquire(request) {
      check(request);
      if (request.shared || request.permits !== undefined) return acquireSeat(fs, request, synchronous);
      return synchronous ? acquireSync(fs, request) : acquire(fs, request);
    },
    joinQueue(request) {
      check(request);
      return joinLine(fs, request, synchronous);
    },
    onRelease: (request, wake) => listen(request, wake),
    holders: ({ path }) => (synchronous ? runSync(holdersOf(fs, path)) : run(holdersOf(fs, path))),
  };
}

function listen({ path, permits }: LockRequest, wake: () => void): () => void {
  const own = basename(path);
  const stop = folderWatches.subscribe(heldFolderOf(dirname(path)), (name) => {
    if (name === undefined || name === own) wake();
  });
  if (permits === undefined) return stop;
  // If one of several holders leaves, nothing changes in the parent folder.
  const stopSeats = folderWatches.subscribe(seatPathsOf(path).seats, wake);
  return () => {
    stop();
    stopSeats();
  };
}

function acquireSeat(
  fs: LockfileFs,
  { path, label, permits }: LockRequest,
  synchronous: boolean,
): Grant | undefined | Promise<Grant | undefined> {
  const perform = performer(synchronous);
  const hold = new FolderHold(new Seats(fs, path), { label, permits });
  const take = function* (): Steps<Grant | undefined> {
    yield* sweepOnce(fs, path);
    return (yield* hold.take()) ? lockfileGrant(path, hold, { permits, perform }) : undefined;
  };
  return perform(explaining(path, 'lock', take()));
}

async function acquire(fs: LockfileFs, { path, label }: LockRequest): Promise<Grant | undefined> {
  const { folder, grant } = prepare(fs, path, label);
  try {
    await run(sweepOnce(fs, path));
    return grant(await loadProperLockfile().lock(...lockCall(path, folder)), false);
  } catch (error) {
    return takenOrThrow(path, error);
  }
}

function acquireSync(fs: LockfileFs, { path, label }: LockRequest): Grant | undefined {
  const { folder, grant } = prepare(fs, path, label);
  try {
    runSync(sweepOnce(fs, path));
    return grant(loadProperLockfile().lockSync(...lockCall(path, folder)), true);
  } catch (error) {
    return takenOrThrow(path, error);
  }
}

function takenOrThrow(path: string, error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw explained(path, 'lock', error);
}

function prepare(fs: LockfileFs, path: string, label: string | undefined) {
  const seats = new Seats(fs, path);
  const lock = new LockFolder(fs, path, { label, tidy: (names) => seats.tidy(names) });
  const hold = new FolderHold(seats, { label }, lock);
  const folder: OwnedFolder & { readonly own: string } = {
    own: lock.own,
    take: () => lock.take(),
    judge: () => lock.judge(),
    breakDead: () => lock.breakDead(),
    // By then other holders may share it.
    release: () => hold.release(),
  };
  const grant = (unlock: () => void | Promise<void>, synchronous: boolean): Grant => {
    hold.previousOwnerDied = lock.previousOwnerDied;
    // proper-lockfile forgets a lock before it releases it, so a second call after a failure must bypass it.
    let known = true;
    const giveBack = function* (): Steps<void> {
      if (!known) return yield* hold.release();
      known = false;
      yield* step(unlock());
    };
    return lockfileGrant(path, hold, { permits: undefined, perform: performer(synchronous), giveBack });
  };
  return { folder, grant };
}

function check({ path }: LockRequest): void {
  checkLockPath(dirname(path));
  try {
    claimLockPath(dirname(path), 'lockfile');
    lockPathsOf(path);
  } catch (error) {
    throw explained(path, 'mark', error);
  }
}
