import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { LockUnsupportedError } from '../../errors.js';
import { checkLockPath } from '../../lock-path.js';
import type { Holder } from '../../owner/holder.js';
import { liveness } from '../../owner/liveness.js';
import { holderOf } from '../../owner/owner-record.js';
import type { Grant, LockDriver, LockRequest } from '../driver.js';
import { kernelGrant } from './kernel-grant.js';
import { kernelHolders } from './kernel-holders.js';
import { defaultKernelSystem, type KernelSystem } from './kernel-system.js';
import { checkPlainFile, explained, openLockFile } from './lock-file.js';
import { readMark } from './owner-mark.js';
import { takenSeats } from './seats.js';
import { drawTicket } from './ticket-line.js';
import { watchFile } from './wake-files.js';

/** Options of {@link kernelDriver}. */
export interface KernelDriverOptions {
  /** The system calls, for fault injection; the real ones by default. */
  readonly system?: KernelSystem;
}

/**
 * The strict driver that rests on the kernel: `fcntl(F_OFD_SETLK)` on the whole lock file (Linux), which excludes
 * every other open file description and the POSIX locks of Python's oslo.concurrency, and which the kernel drops when
 * the process ends, however it ends. A paused holder keeps it.
 *
 * Why a grant is exclusive although lock files may be removed: a file is unlinked only by somebody who holds its lock
 * and is done. After each lock on a descriptor, {@link tryLockFile} compares what it locked with what the name leads
 * to. Equal: nobody can unlink it before we release, and all who open the name meet our lock. Different: we locked a
 * file that is no longer the lock; close it and look again. Removal by strangers (`rm`) while held is outside this.
 */
export function kernelDriver(options: KernelDriverOptions = {}): LockDriver {
  const system = options.system ?? defaultKernelSystem;
  const ordered = process.platform === 'linux';
  return {
    name: 'kernel',
    tryAcquire: (request) => tryAcquire(system, request),
    // Byte ranges of one file are Linux's; elsewhere the lock file alone is locked, without order.
    ...(ordered ? { joinQueue: (request: LockRequest) => drawTicket(system, request) } : {}),
    onRelease: (request, wake) => watchFile(system, request.path, wake, false),
    holders: (request) => holders(system, request),
  };
}

// A file that is removed again and again between open and lock; far above what 50 cleaners do.
const maxRounds = 10_000;

function tryAcquire(system: KernelSystem, request: LockRequest): Grant | undefined {
  if (process.platform !== 'linux' && (request.shared || request.permits !== undefined)) {
    throw new LockUnsupportedError(request.path, 'shared and permits need the byte range locks of Linux');
  }
  checkLockPath(dirname(request.path));
  const fd = tryLockFile(system, request.path, request.shared || request.permits !== undefined);
  if (fd === undefined) return undefined;
  try {
    const grant = kernelGrant(system, request, fd);
    if (grant === undefined) system.closeSync(fd);
    return grant;
  } catch (error) {
    system.closeSync(fd);
    throw error;
  }
}

/** Opens and locks the file that `path` leads to now; `undefined` when somebody else's lock is in the way. */
function tryLockFile(system: KernelSystem, path: string, shared: boolean): number | undefined {
  for (let round = 0; round < maxRounds; round += 1) {
    const fd = openLockFile(system, path);
    try {
      if (!system.tryLock(fd, 0, 0, shared)) {
        // Also what is no plain file can be locked by others; say so instead of waiting for it.
        checkPlainFile(path, system.fstatSync(fd));
        system.closeSync(fd);
        return undefined;
      }
      const locked = system.fstatSync(fd);
      checkPlainFile(path, locked);
      if (isSameFile(locked, system.lstatSync(path))) return fd;
    } catch (error) {
      // What cannot be locked is mostly not a file: a FIFO answers EINVAL or EBADF.
      const stats = statOrUndefined(system, fd);
      system.closeSync(fd);
      if (stats !== undefined) checkPlainFile(path, stats);
      throw explained(system, path, 'lock', error);
    }
    system.closeSync(fd);
  }
  throw new LockUnsupportedError(path, 'The file system gives this file another identity each time it is looked at');
}

function statOrUndefined(system: KernelSystem, fd: number): Stats | undefined {
  try {
    return system.fstatSync(fd);
  } catch {
    return undefined;
  }
}

function isSameFile(locked: Stats, named: Stats | undefined): boolean {
  return named !== undefined && locked.ino === named.ino && locked.dev === named.dev && locked.nlink > 0;
}

function holders(system: KernelSystem, request: LockRequest): Holder[] {
  const marks = [...lockFileMark(system, request.path), ...takenSeats(system, request)];
  const named = marks.flatMap((mark) =>
    mark.state === 'left' && mark.record !== undefined && liveness(mark.record) !== 'dead' ? [mark.record] : [],
  );
  return named.length > 0 ? named.map(holderOf) : kernelHolders(system, request.path);
}

function lockFileMark(system: KernelSystem, path: string): ReturnType<typeof readMark>[] {
  if (system.lstatSync(path)?.isFile() !== true) return [];
  const fd = openLockFile(system, path);
  try {
    return [readMark(system, fd, 0)];
  } finally {
    system.closeSync(fd);
  }
}
