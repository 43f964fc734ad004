import { dirname } from 'node:path';
import { LockFileAccessError, LockFileSystemError, LockFileTypeError, LockPathError } from '../../errors.js';
import { forgetLockPaths } from './lock-paths.js';

/** Turns the system's error at the files of a lock into ours; any other error stays as it is. */
export function explained(lockFile: string, operation: string, error: unknown): unknown {
  const cause = error as NodeJS.ErrnoException;
  // Ours, or a mistake in the program.
  if (cause?.code === undefined || cause.code.startsWith('ERR_')) return error;
  const path = cause.path ?? lockFile;
  forgetLockPaths(lockFile);
  switch (cause.code) {
    case 'ENOENT':
      return new LockPathError(dirname(lockFile), 'missing', cause);
    case 'ENOTDIR':
    case 'ELOOP':
      return new LockFileTypeError(path, 'no folder, where the lockfile driver keeps one', cause);
    case 'EACCES':
    case 'EPERM':
      return path.startsWith(dirname(lockFile)) && operation === 'mark'
        ? new LockPathError(dirname(lockFile), 'not-writable', cause)
        : new LockFileAccessError(path, cause);
    case 'EROFS':
      return new LockFileAccessError(path, cause);
    default:
      return new LockFileSystemError(path, operation, cause);
  }
}
