import { basename, dirname, join } from 'node:path';
import { InvalidOptionError } from '@oslo-concurrency/core';
import { unlessAborted } from '../../../local/settle-once.js';
import { checkLockPath, lockFilePath } from '../../../lock-path/lock-path.js';
import type { Holder } from '../../../owner/holder.js';
import { parseIdentityName } from '../../../owner/identity-name.js';
import { decodeOwnerRecord, holderOf } from '../../../owner/owner-record.js';
import { ownIdentity } from '../../../owner/process-identity.js';
import { run, type Steps } from '../../../steps.js';
import type { LeaseDriver, LeaseGrant, LeaseRecord, LeaseRequest } from '../../lease-driver.js';
import { properlyLocked } from '../../proper-lockfile.js';
import { explained, heldFolderOf, lockPathsOf } from '../lock-paths.js';
import { sweepOnce } from '../owner-file.js';
import { folderWatches, namesIn } from '../system.js';
import { LeaseFolder } from './lease-folder.js';
import { type LeaseFs, promisedLeaseFs } from './lease-fs.js';

/** Options of {@link lockfileLeaseDriver}. */
export interface LockfileLeaseDriverOptions {
  /**
   * The directory on the shared file system, as this machine sees it.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string;
  /**
   * Distinguishes this machine from the others. The death of an owner with the same id is noticed at once. Set it if
   * several machines have the same host name: letters, digits, `_`, `.` and `-`, at most 64.
   * @defaultValue the host name
   */
  readonly hostId?: string;
  /**
   * The file system calls, for slow and failing file systems.
   * @defaultValue those of `node:fs/promises`
   */
  readonly fs?: LeaseFs;
}

/**
 * The lease driver for a directory that several machines share (NFS, SMB, sshfs), by proper-lockfile.
 *
 * Promises what every lease driver does, by the file system's own clock; the clocks of the machines do not matter. If a
 * holder died on the same machine, the lease can be granted at once. Does not promise an order of waiters. Needs atomic
 * renames, and a file system clock that is not set forward while in use. If that clock reports only whole seconds, a
 * lease ends up to 2 s later. Waiters poll every 250 ms.
 *
 * @example
 * await lease('report', { driver: lockfileLeaseDriver({ lockPath: '/mnt/shared/locks' }), ttl: 15_000 }, makeReport);
 */
export function lockfileLeaseDriver(options: LockfileLeaseDriverOptions = {}): LeaseDriver {
  const { lockPath, hostId, fs = promisedLeaseFs } = options;
  if (hostId !== undefined && !(typeof hostId === 'string' && /^[\w.-]{1,64}$/.test(hostId))) {
    throw new InvalidOptionError('hostId', 'made of 1 to 64 letters, digits, `_`, `.` and `-`', hostId);
  }
  const pathOf = (name: string): string => lockFilePath(name, undefined, lockPath);
  /** By path: attempts that were abandoned. They may hold the lease until they have released it. */
  const abandoned = new Map<string, Promise<unknown>>();
  return {
    kind: 'lease',
    name: 'lockfile',
    async tryAcquire(request, signal) {
      signal.throwIfAborted();
      const path = pathOf(request.name);
      checkLockPath(dirname(path));
      // A new caller must not be refused because of an attempt whose caller has gone.
      await unlessAborted(abandoned.get(path) ?? Promise.resolve(), signal);
      const attempt = acquire(fs, path, request, hostId ?? ownIdentity().host);
      try {
        return await unlessAborted(attempt, signal);
      } catch (error) {
        if (signal.aborted) {
          const given: Promise<unknown> = Promise.all([
            abandoned.get(path),
            attempt.then((late) => late?.release(new AbortController().signal)).catch(() => {}),
          ]).finally(() => {
            if (abandoned.get(path) === given) abandoned.delete(path);
          });
          abandoned.set(path, given);
        }
        throw error;
      }
    },
    onRelease(request, { wake }) {
      const path = pathOf(request.name);
      const stop = folderWatches.subscribe(heldFolderOf(dirname(path), 'lease'), (name) => {
        if (name === undefined || name === basename(path)) wake();
      });
      // The watch has begun: a release before it is seen by this try.
      wake();
      return stop;
    },
    // `a/b` and `a_b` are one file.
    keyOf: pathOf,
    holders: (name) => holdersOf(fs, pathOf(name)),
  };
}

async function acquire(
  fs: LeaseFs,
  path: string,
  request: LeaseRequest,
  host: string,
): Promise<LeaseGrant | undefined> {
  try {
    const { ttl, label } = request;
    const folder = new LeaseFolder(fs, path, { ttl, label, host, now: () => request.now() });
    await run(sweepOnce(fs, path, 'lease'));
    const unlock = await run(properlyLocked(lockPathsOf(path, 'lease').held, folder));
    return grantOf(path, ttl, folder, unlock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOCKED') return undefined;
    throw explained(path, 'lock', error);
  }
}

function grantOf(path: string, ttl: number, folder: LeaseFolder, unlock: () => Steps<void>): LeaseGrant {
  // One at a time: a release must find the file where the previous renewal has left it.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    const result = last.then(call).catch((error: unknown) => Promise.reject(explained(path, 'renew', error)));
    last = result.catch(() => {});
    return unlessAborted(result, signal);
  };
  const { text } = folder;
  const record: LeaseRecord | undefined = text && {
    read: (signal) => inTurn(signal, () => run(text.read())),
    write: (said, keep, signal) => inTurn(signal, () => run(text.write(said, keep))),
  };
  return {
    token: folder.token,
    validUntil: folder.since + ttl,
    ...(record === undefined ? {} : { record }),
    renew: (signal) => inTurn(signal, async () => ((await run(folder.renew())) ? folder.since + ttl : undefined)),
    release: (signal) =>
      inTurn(signal, async () => {
        try {
          await run(unlock());
          return true;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ERR_LOCK_LOST') return false;
          throw error;
        }
      }),
  };
}

async function holdersOf(fs: LeaseFs, path: string): Promise<Holder[]> {
  const holders: Holder[] = [];
  try {
    const { held } = lockPathsOf(path, 'lease');
    for (const name of await run(namesIn(fs, held))) {
      const record = decodeOwnerRecord(await fs.readFile(join(held, name)));
      const host = parseIdentityName(name.replace(/~.*$/, ''))?.host;
      if (record !== undefined && host !== undefined) holders.push({ ...holderOf(record), host });
    }
  } catch {
    // It was released or renewed in the meantime; this is only for messages.
  }
  return holders;
}
