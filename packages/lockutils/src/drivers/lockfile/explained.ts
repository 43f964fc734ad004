import { dirname } from 'node:path';
import { LockFileSystemError, LockFileTypeError, LockPathError } from '../../errors.js';
import { accessDenied, mayChange } from '../../lock-path/access-denied.js';
import { forgetLockPath } from '../../lock-path/lock-path.js';
import { forgetLockPaths } from './lock-paths.js';

/** Turns the system's error at the files of a lock into ours; any other error stays as it is. */
export function explained(
  lockFile: string,
  operation: 'mark' | 'lock' | 'queue' | 'renew' | 'release',
  error: unknown,
): unknown {
  const cause = error as NodeJS.ErrnoException;
  if (cause?.code === 'ERR_ACCESS_DENIED') {
    forgetLockPath(dirname(lockFile));
    return new LockPathError(dirname(lockFile), 'forbidden', cause);
  }
  // One of our errors, or a mistake in the program.
  if (cause?.code === undefined || cause.code.startsWith('ERR_')) return error;
  const directory = dirname(lockFile);
  const path = cause.path ?? lockFile;
  forgetLockPath(directory);
  forgetLockPaths(lockFile);
  switch (cause.code) {
    case 'ENOENT':
      return new LockPathError(directory, 'missing', cause);
    case 'ENOTDIR':
    case 'ELOOP':
      return new LockFileTypeError(path, 'not a folder, as the lockfile driver expects', cause);
    case 'EROFS':
      return new LockPathError(directory, 'read-only', cause);
    case 'EACCES':
    case 'EPERM':
      return operation === 'mark' && !mayChange(directory)
        ? new LockPathError(directory, 'not-writable', cause)
        : accessDenied(directory, path, cause);
    default:
      return new LockFileSystemError(path, operation, cause);
  }
}
