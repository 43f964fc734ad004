import { lstatSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { LockFileSystemError, LockFileTypeError, LockUnsupportedError } from '../errors/lock-file-errors.js';
import { LockPathError } from '../errors/lock-path-errors.js';
import { accessDenied, mayChange } from '../lock-path/access-denied.js';
import { forgetLockPath } from '../lock-path/lock-path.js';
import { lockPathOf } from '../lock-path/real-path.js';

/** The operation on a file of a lock that the system refused. */
export type FileOperation =
  | 'open'
  | 'create'
  | 'mark'
  | 'read'
  | 'write'
  | 'look at'
  | 'lock'
  | 'queue'
  | 'renew'
  | 'release';

/**
 * Turns the system's error at `path`, a lock file or a file that a driver keeps for it, into one for people. Errors of
 * this package and mistakes in the program stay as they are.
 */
export function fileError(path: string, operation: FileOperation, error: unknown): unknown {
  if (isConcurrencyError(error)) return error;
  const cause = error as NodeJS.ErrnoException;
  const lockPath = lockPathOf(path);
  if (cause?.code === 'ERR_ACCESS_DENIED') {
    forgetLockPath(lockPath);
    return new LockPathError(lockPath, 'forbidden', cause);
  }
  if (cause?.code === undefined || cause.code.startsWith('ERR_')) return error;
  forgetLockPath(lockPath);
  switch (cause.code) {
    case 'ENOENT':
      return new LockPathError(lockPath, 'missing', cause);
    case 'ENOTDIR':
      return noFolder(lockPath, path, cause);
    case 'ELOOP':
    case 'EMLINK':
      return new LockFileTypeError(path, 'a symbolic link', cause);
    case 'EISDIR':
      return new LockFileTypeError(path, 'a directory', cause);
    case 'ENXIO':
    case 'ENODEV':
    case 'EOPNOTSUPP':
      return new LockFileTypeError(path, 'a socket, FIFO or device', cause);
    case 'EROFS':
      return new LockPathError(lockPath, 'read-only', cause);
    case 'EACCES':
    case 'EPERM':
      return isMaking(operation) && !isThere(path) && !mayChange(lockPath)
        ? new LockPathError(lockPath, 'not-writable', cause)
        : accessDenied(lockPath, path, cause);
    case 'ENOLCK':
    case 'ENOSYS':
    case 'EINVAL':
    case 'ENOTSUP':
      // A lock that could not be released is still held.
      if (operation === 'release' || operation === 'renew') return new LockFileSystemError(path, operation, cause);
      return new LockUnsupportedError(path, `The system cannot lock this file (${cause.code}); nothing is held`, cause);
    default:
      return new LockFileSystemError(path, operation, cause);
  }
}

function isMaking(operation: FileOperation): boolean {
  return operation === 'create' || operation === 'mark';
}

// Names the path where a folder is expected: the lock path, a folder in it that all its locks use, or a folder of the
// lock itself.
function noFolder(lockPath: string, path: string, cause: unknown): LockPathError | LockFileTypeError {
  if (!isFolder(lockPath)) return new LockPathError(lockPath, 'not-a-directory', cause);
  let at = path;
  while (at.length > lockPath.length && !isThere(at)) at = dirname(at);
  if (at === path) return new LockFileTypeError(path, 'a file or link', cause, 'a folder');
  return new LockPathError(at, 'not-a-directory', cause);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A directory that this user may not enter does not even reveal that.
    return false;
  }
}
