import { constants, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { LockFileSystemError, LockFileTypeError, LockPathError, LockUnsupportedError } from '../../errors.js';
import { accessDenied, mayChange } from '../../lock-path/access-denied.js';
import { forgetLockPath, lockPathProblem } from '../../lock-path/lock-path.js';
import { createFile } from '../../lock-path/new-file.js';
import { lockPathOf } from '../../lock-path/rights.js';
import { withSpareDescriptors } from '../idle-files.js';
import { OpenFile } from './open-file.js';
import type { KernelSystem } from './system.js';

// Never O_TRUNC: the file may have other content. O_NOFOLLOW: a link placed there by another user would make us open
// and write to one of our own files. O_NONBLOCK: opening a FIFO must fail or return, not hang. Node adds O_CLOEXEC
// (G17).
const openExisting =
  constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK);
// Only the owner of a file may use this flag: reading then leaves no access time, which would cost a write of the
// inode.
const noAccessTime = constants.O_NOATIME ?? 0;

/**
 * Opens a lock file, creates it if it does not exist, and makes sure that it is a plain file.
 *
 * Two steps instead of O_CREAT alone: in a sticky directory, the kernel refuses O_CREAT on another user's file
 * (`fs.protected_regular`) although the file itself may be opened.
 */
export function openLockFile(system: KernelSystem, path: string): OpenFile {
  for (let round = 0; ; round += 1) {
    try {
      return openOwnedOrNot(system, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw explained(system, path, 'open', error);
    }
    try {
      withSpareDescriptors(() => createFile(dirname(path), path, system));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Another process created it first, or it was removed between the two calls: try again.
      if (code !== 'EEXIST' || round >= 100) throw explained(system, path, 'create', error);
    }
  }
}

function openOwnedOrNot(system: KernelSystem, path: string): OpenFile {
  try {
    return OpenFile.open(system, path, openExisting | noAccessTime);
  } catch (error) {
    if (noAccessTime === 0 || (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    return OpenFile.open(system, path, openExisting);
  }
}

/** Throws unless the opened file is a plain file. */
export function checkPlainFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new LockFileTypeError(path, kindOf(stats));
}

/** Turns the system's error at a lock file into ours. */
export function explained(system: KernelSystem, path: string, operation: string, error: unknown): unknown {
  if (isConcurrencyError(error)) return error;
  const cause = error as NodeJS.ErrnoException;
  const lockPath = lockPathOf(path);
  const problem = lockPathProblem(cause);
  if (problem !== undefined) {
    forgetLockPath(lockPath);
    return new LockPathError(lockPath, problem, cause);
  }
  switch (cause.code) {
    case 'ELOOP':
    case 'EMLINK':
      return new LockFileTypeError(path, 'a symbolic link', cause);
    case 'EISDIR':
      return new LockFileTypeError(path, 'a directory', cause);
    case 'ENXIO':
    case 'ENODEV':
    case 'EOPNOTSUPP':
      return new LockFileTypeError(path, 'a socket, FIFO or device', cause);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      if (operation === 'create' && cause.code !== 'EROFS' && !isThere(system, path) && !mayChange(lockPath)) {
        return new LockPathError(lockPath, 'not-writable', cause);
      }
      return accessDenied(lockPath, path, cause);
    case 'ENOLCK':
    case 'ENOSYS':
    case 'EINVAL':
    case 'ENOTSUP':
      return new LockUnsupportedError(path, `The system cannot lock this file (${cause.code}); nothing is held`, cause);
    default:
      return cause.code === undefined ? error : new LockFileSystemError(path, operation, cause);
  }
}

// A directory that this user may not enter does not even reveal that.
function isThere(system: KernelSystem, path: string): boolean {
  try {
    return system.lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
