import { basename, dirname, join } from 'node:path';
import { LockUnsupportedError } from '../../errors.js';
import { checkLockPath } from '../../lock-path.js';
import type { Holder } from '../../owner/holder.js';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import type { Grant, LockDriver, LockRequest } from '../driver.js';
import { claimLockPath } from '../lock-path-marker.js';
import { explained } from './explained.js';
import { joinLine } from './file-line.js';
import { onEntryChange } from './folder-watch.js';
import { lockCall } from './lock-call.js';
import { LockFolder } from './lock-folder.js';
import { heldFolderOf, lockPathsOf } from './lock-paths.js';
import { type Answer, type LockfileFs, promisedFs, synchronousFs } from './lockfile-fs.js';
import { loadProperLockfile } from './proper-lockfile.js';
import { run, runSync, type Steps, step } from './steps.js';
import { sweepOnce } from './sweep.js';

/** Options of {@link lockfileDriver}. */
export interface LockfileDriverOptions {
  /** The file system calls that take part in locking; those of `node:fs/promises` by default. */
  readonly fs?: LockfileFs;
  /**
   * `true` makes each attempt and release in one go, without promises, as `lockSync` needs it: quicker on a
   * local disk, but a slow disk or server stops the whole process. With `fs` given, that must answer at once.
   */
  readonly synchronous?: boolean;
}

/**
 * The strict driver for where the add-on of the kernel driver cannot be had: plain folders and files, by proper-lockfile.
 *
 * Promises: at most one holder, never taken from a live one, however old, paused or slow; taken at once from one that
 * ended on this machine. Does not promise: taking over from a process on another machine or in another container, whose
 * end cannot be seen (`holders` names it; remove its file by hand); `shared` and `permits`.
 *
 * The lock of `web` is the folder `.oslo-concurrency/lockfile/held/web`; there is no file `web` itself.
 */
export function lockfileDriver(options: LockfileDriverOptions = {}): LockDriver {
  const { synchronous = false, fs = synchronous ? synchronousFs : promisedFs } = options;
  return {
    name: 'lockfile',
    tryAcquire: (request) => (synchronous ? acquireSync(fs, request) : acquire(fs, request)),
    joinQueue(request) {
      check(request);
      return joinLine(fs, request, synchronous);
    },
    onRelease(request, wake) {
      const own = basename(request.path);
      return onEntryChange(heldFolderOf(dirname(request.path)), (name) => {
        if (name === undefined || name === own) wake();
      });
    },
    holders: (request) => (synchronous ? runSync(holdersOf(fs, request.path)) : run(holdersOf(fs, request.path))),
  };
}

async function acquire(fs: LockfileFs, request: LockRequest): Promise<Grant | undefined> {
  const { path } = request;
  const folder = prepare(fs, request);
  try {
    await run(sweepOnce(fs, path));
    let release: (() => Promise<void>) | undefined = await loadProperLockfile().lock(...lockCall(path, folder));
    return {
      previousOwnerDied: folder.previousOwnerDied,
      async release(options) {
        folder.unused = options?.unused === true;
        // proper-lockfile forgets a lock before it gives it back, so a second call after a failure goes past it.
        const giveBack = release ?? (() => run(folder.release()));
        release = undefined;
        try {
          await giveBack();
        } catch (error) {
          throw explained(path, 'release', error);
        }
      },
    };
  } catch (error) {
    return takenOrThrow(path, error);
  }
}

function acquireSync(fs: LockfileFs, request: LockRequest): Grant | undefined {
  const { path } = request;
  const folder = prepare(fs, request);
  try {
    runSync(sweepOnce(fs, path));
    let release: (() => void) | undefined = loadProperLockfile().lockSync(...lockCall(path, folder));
    return {
      previousOwnerDied: folder.previousOwnerDied,
      release(options) {
        folder.unused = options?.unused === true;
        const giveBack = release ?? (() => runSync(folder.release()));
        release = undefined;
        try {
          giveBack();
        } catch (error) {
          throw explained(path, 'release', error);
        }
      },
    };
  } catch (error) {
    return takenOrThrow(path, error);
  }
}

function takenOrThrow(path: string, error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw explained(path, 'lock', error);
}

function prepare(fs: LockfileFs, request: LockRequest): LockFolder {
  check(request);
  return new LockFolder(fs, request.path, { label: request.label });
}

function check({ path, shared, permits }: LockRequest): void {
  if (shared || permits !== undefined) {
    const asked = shared ? 'shared' : 'permits';
    throw new LockUnsupportedError(path, `The lockfile driver has no ${asked}; only driver: 'kernel' has it`);
  }
  checkLockPath(dirname(path));
  try {
    claimLockPath(dirname(path), 'lockfile');
    lockPathsOf(path);
  } catch (error) {
    throw explained(path, 'mark', error);
  }
}

function* holdersOf(fs: LockfileFs, lockFile: string): Steps<Holder[]> {
  const { held } = lockPathsOf(lockFile);
  const holders: Holder[] = [];
  for (const name of yield* orNothing(() => fs.readdir(held))) {
    const identity = parseIdentityName(name);
    if (identity !== undefined && liveness(identity) === 'dead') continue;
    const record = decodeOwnerRecord(Uint8Array.from(yield* orNothing(() => fs.readFile(join(held, name)))));
    if (record !== undefined) holders.push(holderOf(record));
    else if (identity !== undefined) holders.push({ pid: identity.pid, host: identity.host });
    else holders.push({ label: `not an owner file of this library: ${join(held, name)}` });
  }
  return holders;
}

// Released meanwhile, or not readable for us.
function* orNothing<T>(call: () => Answer<Iterable<T>>): Steps<Iterable<T>> {
  try {
    return yield* step(call());
  } catch {
    return [];
  }
}
