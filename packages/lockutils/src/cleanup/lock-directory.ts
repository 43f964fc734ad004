import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidOptionError } from '@oslo-concurrency/core';
import type { DriverName } from '../drivers/driver.js';
import { withSpareDescriptors } from '../drivers/idle-files.js';
import { LockDriverMismatchError, LockPathError } from '../errors/lock-path-errors.js';
import { accessDenied } from '../lock-path/access-denied.js';
import { markedDriver } from '../lock-path/driver-marker.js';
import { halfMadeHiddenFolder, hiddenFolder } from '../lock-path/hidden-folder.js';
import { absoluteLockPath, lockPathProblem } from '../lock-path/lock-path.js';

/** The absolute lock path that the options mean. @throws InvalidOptionError, and as {@link absoluteLockPath} */
export function directoryOf({ lockPath }: { readonly lockPath?: string }): string {
  if (lockPath !== undefined && (typeof lockPath !== 'string' || lockPath === '' || lockPath.includes('\0'))) {
    throw new InvalidOptionError('lockPath', 'a path that is not empty and has no NUL', lockPath);
  }
  return absoluteLockPath(lockPath);
}

/** The names in a lock path, without the hidden folder. @throws LockPathError */
export function readLockPath(directory: string): string[] {
  try {
    return withSpareDescriptors(() => readdirSync(directory)).filter(
      (name) => name !== hiddenFolder && !halfMadeHiddenFolder.test(name),
    );
  } catch (error) {
    const problem = isRefusal(error) ? 'not-readable' : lockPathProblem(error);
    throw problem === undefined ? error : new LockPathError(directory, problem, error);
  }
}

/** Turns the system's permission error at a file inside a lock path into ours; any other error stays as it is. */
export function explainedAt(directory: string, error: unknown): unknown {
  if (!isRefusal(error)) return error;
  return accessDenied(directory, error.path ?? directory, error);
}

function isRefusal(error: unknown): error is NodeJS.ErrnoException {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
}

/**
 * The driver whose files lie in a lock path; `kernel` if the lock path is not marked, as Python leaves it. @throws
 * LockDriverMismatchError
 */
export function driverOf(directory: string): DriverName {
  const marked = markedDriver(directory) ?? 'kernel';
  if (marked === 'kernel' || marked === 'lockfile') return marked;
  throw new LockDriverMismatchError(directory, 'kernel', marked, join(directory, hiddenFolder, 'driver'));
}
