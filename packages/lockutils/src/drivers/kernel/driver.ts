import { dirname } from 'node:path';
import { LockUnsupportedError } from '../../errors.js';
import { claimLockPath } from '../../lock-path/driver-marker.js';
import { checkLockPath } from '../../lock-path/lock-path.js';
import { refuseNetworkFileSystem } from '../../lock-path/network-file-system.js';
import type { Holder } from '../../owner/holder.js';
import { liveness } from '../../owner/liveness.js';
import { holderOf } from '../../owner/owner-record.js';
import type { Grant, LockDriver, LockRequest, Place } from '../driver.js';
import { fileError } from '../file-errors.js';
import { withSpareDescriptors } from '../idle-files.js';
import { WatchPool } from '../watch-pool.js';
import { kernelGrant } from './grant.js';
import { kernelHolders } from './holders.js';
import { openLockFile } from './lock-file.js';
import { LockFiles } from './lock-files.js';
import { type Mark, readMark } from './owner-mark.js';
import { drawTicket } from './queue.js';
import { takenSeats } from './seats.js';
import { defaultKernelSystem, type KernelSystem } from './system.js';

/** Options of {@link kernelDriver}. */
export interface KernelDriverOptions {
  /** `true` allows a lock path on a network file system, where processes of other machines may not see these locks. */
  readonly allowNetworkFileSystem?: boolean;
  /** The system calls, for fault injection; the real ones by default. */
  readonly system?: KernelSystem;
}

/**
 * The strict driver that relies on the kernel: `fcntl(F_OFD_SETLK)` on the whole lock file (Linux). That lock excludes
 * every other open file description and the POSIX locks of Python's oslo.concurrency. The kernel drops it when the
 * process ends, in any way. A paused holder keeps it.
 *
 * Why a grant is exclusive although lock files may be removed: only a process that holds a file's lock, and is done
 * with it, unlinks the file. After each lock on a descriptor, {@link LockFiles} compares the locked file with the file
 * that the name leads to. If they are the same, no other process can unlink the file before we release, and every
 * process that opens the name meets our lock. If they differ, we locked a file that is no longer the lock; it is
 * closed, and the search starts again. Removal by other programs (`rm`) while the lock is held is not covered: then
 * another process may hold the lock too. The holder learns of that (see `Grant.refresh`, and the release).
 */
export function kernelDriver(options: KernelDriverOptions = {}): LockDriver {
  const { system = defaultKernelSystem, allowNetworkFileSystem = false } = options;
  const files = new LockFiles(system, (path) => prepareLockPath(path, allowNetworkFileSystem));
  const watchers = new WatchPool(system.watch);
  const ordered = process.platform === 'linux';
  return {
    name: 'kernel',
    tryAcquire: (request) => tryAcquire(system, files, request),
    // Only Linux supports byte ranges of a file; elsewhere only the lock file itself is locked, without order.
    ...(ordered
      ? { joinQueue: (request: LockRequest) => joinQueue(system, watchers, request, allowNetworkFileSystem) }
      : {}),
    onRelease: (request, wake) => watchers.subscribe(request.path, wake),
    holders: (request) => holders(system, request),
  };
}

function joinQueue(
  system: KernelSystem,
  watchers: WatchPool,
  request: LockRequest,
  allowNetwork: boolean,
): Place | undefined {
  prepareLockPath(request.path, allowNetwork);
  return drawTicket(system, watchers, request);
}

function tryAcquire(system: KernelSystem, files: LockFiles, request: LockRequest): Grant | undefined {
  const several = request.shared || request.permits !== undefined;
  if (several && process.platform !== 'linux') {
    throw new LockUnsupportedError(request.path, 'shared and permits need the byte range locks of Linux');
  }
  const file = files.tryLock(request.path, several);
  if (file === undefined) return undefined;
  try {
    const grant = kernelGrant(system, files, request, file);
    if (grant === undefined) files.release(file);
    return grant;
  } catch (error) {
    file.close();
    throw fileError(request.path, 'read', error);
  }
}

function prepareLockPath(path: string, allowNetwork: boolean): void {
  const directory = dirname(path);
  checkLockPath(directory);
  try {
    refuseNetworkFileSystem(directory, allowNetwork);
    withSpareDescriptors(() => claimLockPath(directory, 'kernel'));
  } catch (error) {
    throw fileError(path, 'create', error);
  }
}

function holders(system: KernelSystem, request: LockRequest): Holder[] {
  const marks = [...lockFileMark(system, request.path), ...takenSeats(system, request)];
  const named = marks.flatMap((mark) =>
    mark.state === 'left' && mark.record !== undefined && liveness(mark.record) !== 'dead' ? [mark.record] : [],
  );
  return named.length > 0 ? named.map(holderOf) : kernelHolders(system, request.path);
}

function lockFileMark(system: KernelSystem, path: string): Mark[] {
  if (system.lstatSync(path)?.isFile() !== true) return [];
  const file = openLockFile(system, path);
  try {
    return [readMark(file, 0)];
  } finally {
    file.close();
  }
}
