import { dirname, sep } from 'node:path';
import { claimLockPath } from '../../lock-path/driver-marker.js';
import { checkLockPath } from '../../lock-path/lock-path.js';
import { refuseNetworkFileSystem } from '../../lock-path/network-file-system.js';
import type { Grant, LockDriver, LockRequest, Place } from '../driver.js';
import { fileError } from '../file-errors.js';
import { withSpareDescriptors } from '../idle-files.js';
import { WatchPool } from '../watch-pool.js';
import type { DriverFiles } from './files/driver-files.js';
import { HiddenFiles } from './files/hidden-files.js';
import { LockFiles } from './files/lock-files.js';
import { kernelGrant } from './grant.js';
import { holdersOf } from './holders.js';
import { bytesPath, hiddenPath } from './lock-paths.js';
import { drawTicket, whileQueueIsEmpty } from './queue.js';
import { seatKinds } from './seats.js';
import { defaultKernelSystem, type KernelSystem, onThisSystem, plainSystem } from './system.js';

/** Options of {@link kernelDriver}. */
export interface KernelDriverOptions {
  /**
   * `true` allows a lock path on a network file system, where processes of other machines may not see these locks.
   * @defaultValue `false`
   */
  readonly allowNetworkFileSystem?: boolean;
  /**
   * The system calls, for fault injection.
   * @defaultValue the real system calls
   */
  readonly system?: KernelSystem;
}

// Milliseconds. Another program that gives a file another name is noticed this much later: of the queue and the records of
// readers, which no holder relies on, and of a lock file at its release. A removal is noticed at once. A network file
// system may count names late.
const trustInName = 2;

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
  const prepare = (path: string): void => prepareLockPath(system, path, allowNetworkFileSystem);
  const trust = allowNetworkFileSystem ? 0 : trustInName;
  const files = { locks: new LockFiles(system, prepare, trust), hidden: new HiddenFiles(system, prepare, trust) };
  const watchers = new WatchPool(system.watch);
  return {
    name: 'kernel',
    tryAcquire: (request, by) => tryAcquire(files, request, by),
    tryUnqueued: (request, attempt) => whileQueueIsEmpty(files.hidden, request, attempt),
    joinQueue: (request, isOrdered = true) => drawTicket({ ...files, watchers }, request, isOrdered),
    onRelease: (request, wake) => watchers.subscribe(request.path, wake),
    holders: (request) => holdersOf(system, request),
  };
}

function tryAcquire(files: DriverFiles, request: LockRequest, by?: Place | 'newcomer'): Grant | undefined {
  const several = request.shared || request.permits !== undefined;
  const file = files.locks.tryLock(request.path, several, by);
  if (file === undefined) return undefined;
  try {
    const grant = kernelGrant(files, request, file, by);
    return files.hidden.system.changesKind === false ? withoutChange(grant) : grant;
  } catch (error) {
    file.close();
    throw fileError(request.path, 'read', error);
  }
}

// Some systems change no lock without losing it for a moment.
function withoutChange(grant: Grant | undefined): Grant | undefined {
  return (
    grant && {
      previousOwnerDied: grant.previousOwnerDied,
      release: (options) => grant.release(options),
      refresh: (keepYoung) => grant.refresh?.(keepYoung) ?? true,
    }
  );
}

function prepareLockPath(system: KernelSystem, path: string, allowNetwork: boolean): void {
  const directory = dirname(path);
  checkLockPath(directory);
  try {
    refuseNetworkFileSystem(directory, allowNetwork);
    // A marker of a driver that cannot lock here would keep out the driver that can.
    withSpareDescriptors(() => system.load?.());
    withSpareDescriptors(() => claimLockPath(directory, 'kernel'));
  } catch (error) {
    throw fileError(path, 'create', error);
  }
}

/** A driver whose locks another process can inherit. */
export interface InheritableDriver {
  readonly driver: LockDriver;
  /** The descriptors that make the lock on this file. From now on the release closes them and does not unlock them. */
  handOver(lockFile: string): readonly number[];
}

/**
 * The kernel driver, with a record of the descriptors that are open on the files that make a lock: its lock file and
 * its holders' seats. A command that inherits these descriptors holds the lock with us and after us, as with flock(1):
 * the lock belongs to the open file description, which lasts until its last descriptor is closed.
 */
export function inheritableKernelDriver(): InheritableDriver {
  const open = new Map<number, string>();
  const handedOver = new Set<number>();
  const system = onThisSystem({
    ...plainSystem,
    openSync(path, flags, mode) {
      const fd = plainSystem.openSync(path, flags, mode);
      open.set(fd, String(path));
      return fd;
    },
    closeSync(fd) {
      open.delete(fd);
      handedOver.delete(fd);
      plainSystem.closeSync(fd);
    },
    // Unlocking would end the lock for every process that shares the open file description.
    unlock(fd, offset, length) {
      if (!handedOver.has(fd)) plainSystem.unlock(fd, offset, length);
    },
  });
  return {
    driver: kernelDriver({ system }),
    handOver(lockFile) {
      const files = [lockFile, ...seatKinds.map((kind) => hiddenPath(lockFile, kind))];
      const folders = seatKinds.map((kind) => bytesPath(lockFile, kind) + sep);
      for (const [fd, path] of open) {
        if (files.includes(path) || folders.some((folder) => path.startsWith(folder))) handedOver.add(fd);
      }
      return [...handedOver];
    },
  };
}
