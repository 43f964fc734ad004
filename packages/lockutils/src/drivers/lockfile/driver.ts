import { dirname } from 'node:path';
import { claimLockPath } from '../../lock-path/driver-marker.js';
import { checkLockPath } from '../../lock-path/lock-path.js';
import { isOnLocalFileSystem } from '../../lock-path/network-file-system.js';
import { runSync, type Steps } from '../../steps.js';
import type { Grant, LockDriver, LockRequest } from '../driver.js';
import { IdleFiles, withSpareDescriptors } from '../idle-files.js';
import { type OwnedFolder, properlyLocked } from '../proper-lockfile.js';
import { FolderHold } from './folder-hold.js';
import { explaining, lockfileGrant } from './grant.js';
import { holdersOf } from './holders.js';
import { LockFolder } from './lock-folder.js';
import { explained, lockPathsOf } from './lock-paths.js';
import { sweepOnce } from './owner-file.js';
import { Seats } from './seats.js';
import { type Calls, isCode, type LockfileFs, localCalls, performed, remoteCalls, synchronousFs } from './system.js';
import { takeInTurn } from './turns/grant.js';
import type { OwnFolder } from './turns/own-folder.js';
import { TurnPlace } from './turns/place.js';
import { Turn } from './turns/turn.js';
import { firstWaiter, wakeFirst } from './turns/waiters.js';
import { joinQueue, watchLock } from './turns/watching-place.js';

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
 * and files, by proper-lockfile; a thread that acquires a contended lock again and again moves its own folder (`OwnFolder`).
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
  const callsAt = (path: string): Calls => given ?? (isLocal(path) ? localCalls : remoteCalls);
  // The turns of this thread, by lock file. A lock that nobody else wants has none.
  const turns = new Map<string, Turn>();
  const ready = new IdleFiles<OwnFolder>();
  const turnAt = (path: string): Turn => {
    const turn = turns.get(path) ?? new Turn(fs ?? synchronousFs, path, ready, () => turns.delete(path));
    turns.set(path, turn);
    return turn;
  };
  return {
    name: 'lockfile',
    tryAcquire(request, by) {
      check(request);
      const { path, shared, permits } = request;
      const alone = !shared && permits === undefined;
      const turn = alone ? turns.get(path) : undefined;
      if (turn !== undefined) {
        if (by === 'newcomer' && turn.mustQueue()) return undefined;
        const grant = takeInTurn(turn, request, by);
        if (grant !== undefined) return grant;
      }
      const calls = callsAt(path);
      const takesTurns = hasTurns(calls, path);
      // Others wait: they go first.
      const mayPass = !alone || by !== 'newcomer' || !takesTurns;
      if (!mayPass && runSync(firstWaiter({ ...calls, lockFile: path })) !== undefined) return undefined;
      const steps = alone ? takingAlone(calls, request, takesTurns ? turnAt : undefined) : takingSeat(calls, request);
      return performed(calls, explaining(path, 'lock', steps));
    },
    joinQueue(request, ordered = true) {
      check(request);
      const calls = callsAt(request.path);
      if (!hasTurns(calls, request.path)) return joinQueue(calls, request);
      return new TurnPlace(turnAt(request.path), request, ordered);
    },
    onRelease: watchLock,
    holders({ path }) {
      const calls = callsAt(path);
      return performed(calls, holdersOf(calls.fs, path));
    },
  };
}

function isLocal(path: string): boolean {
  return isOnLocalFileSystem(dirname(path));
}

/** Whether the holders of a lock take turns. */
function hasTurns({ synchronous }: Calls, path: string): boolean {
  return synchronous && isLocal(path);
}

function* takingSeat({ fs, synchronous }: Calls, request: LockRequest): Steps<Grant | undefined> {
  const { path, label, permits } = request;
  const hold = new FolderHold(new Seats(fs, path), { label, permits });
  yield* sweepOnce(fs, path);
  return (yield* hold.take()) ? lockfileGrant(hold, synchronous) : undefined;
}

function* takingAlone(
  { fs, synchronous }: Calls,
  request: LockRequest,
  turnAt: ((path: string) => Turn) | undefined,
): Steps<Grant | undefined> {
  const { path, label } = request;
  const seats = new Seats(fs, path);
  const lock = new LockFolder(fs, path, { label, tidy: (names) => seats.tidy(names) });
  let hold: FolderHold | undefined;
  const holding = (): FolderHold => (hold ??= new FolderHold(seats, { label }, lock));
  // By the time of the release, other holders may share it.
  const folder: OwnedFolder = Object.assign(lock, { release: () => holding().release() });
  yield* sweepOnce(fs, path);
  // Usually this is all there is to do while the lock is held.
  if ((yield* lock.judge()) === 'held') return undefined;
  const { held } = lockPathsOf(path);
  let unlock: () => Steps<void>;
  try {
    unlock = yield* properlyLocked(held, folder);
  } catch (error) {
    if (isCode(error, 'ELOCKED')) return undefined;
    throw error;
  }
  // proper-lockfile forgets a lock before it releases it, so a second call after a failure must bypass it.
  let known = true;
  function* releasing(): Steps<void> {
    if (!known) return yield* holding().release();
    known = false;
    yield* unlock();
  }
  function* freed(): Steps<void> {
    if (!(yield* wakeFirst(seats))) return;
    // Others wait, so this thread has a turn from now on.
    const turn = turnAt?.(path);
    turn?.enter();
    turn?.slice.begin();
    turn?.exit();
  }
  return lockfileGrant(holding(), synchronous, freed, releasing);
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
