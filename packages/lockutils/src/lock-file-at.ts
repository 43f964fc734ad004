import { basename, resolve } from 'node:path';
import { InvalidOptionError } from '@oslo-concurrency/core';
import { lockFileName } from './lock-path.js';

/**
 * The absolute path of a lock file that was given as a path. Its last part must be what a lock file can be called.
 *
 * @throws InvalidOptionError, InvalidLockNameError
 */
export function lockFileAt(path: string): string {
  if (typeof path !== 'string' || path.includes('\0') || /(^|[/\\])\.{0,2}$/.test(path)) {
    throw new InvalidOptionError('path', 'the path of a file, not empty and without NUL', path);
  }
  const absolute = resolve(path);
  lockFileName(basename(absolute), undefined);
  return absolute;
}
