import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getLockPath, InvalidOptionError } from '@oslo-concurrency/core';
import type { DriverName } from '../drivers/driver.js';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { withSpareDescriptors } from '../drivers/kernel/idle-files.js';
import { markedDriver } from '../drivers/lock-path-marker.js';
import { LockDriverMismatchError, LockPathError, LockPathRequiredError } from '../errors.js';
import { lockPathProblem } from '../lock-path.js';

/** The lock path that is meant, absolute. @throws InvalidOptionError @throws LockPathRequiredError */
export function directoryOf({ lockPath }: { readonly lockPath?: string }): string {
  if (lockPath !== undefined && (typeof lockPath !== 'string' || lockPath === '' || lockPath.includes('\0'))) {
    throw new InvalidOptionError('lockPath', 'a path that is not empty and has no NUL', lockPath);
  }
  const directory = lockPath === undefined ? getLockPath() : resolve(lockPath);
  if (directory === undefined) throw new LockPathRequiredError();
  return directory;
}

/** The names in a lock path, without the hidden folder. @throws LockPathError */
export function readLockPath(directory: string): string[] {
  try {
    return withSpareDescriptors(() => readdirSync(directory)).filter((name) => name !== hiddenFolder);
  } catch (error) {
    const problem = lockPathProblem(error);
    throw problem === undefined ? error : new LockPathError(directory, problem, error);
  }
}

/** The driver whose files lie in a lock path; `kernel` where it is not marked, as in Python's. @throws LockDriverMismatchError */
export function driverOf(directory: string): DriverName {
  const marked = markedDriver(directory) ?? 'kernel';
  if (marked === 'kernel' || marked === 'lockfile') return marked;
  throw new LockDriverMismatchError(directory, 'kernel', marked, join(directory, hiddenFolder, 'driver'));
}
