import { Buffer } from 'node:buffer';
import { type Stats, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { getOption, InvalidOptionError } from '@oslo-concurrency/core';
import {
  InvalidLockNameError,
  LockPathError,
  type LockPathProblem,
  LockPathRequiredError,
} from '../errors/lock-path-errors.js';
import { restoreThreadLocks } from './thread-lock-file.js';
import { isWindowsName, windowsName } from './windows-name.js';

/** The folder inside a lock path for everything that is not a lock file. No lock can have its name. */
export const hiddenFolder = '.oslo-concurrency';

/**
 * The name of the lock file: `/` becomes `_`, and the prefix is joined with one `-`, exactly as in oslo, so that both
 * languages use the same file. On Windows, what it does not keep apart in names is encoded, see {@link windowsName}.
 *
 * @throws InvalidLockNameError if the result is not a valid file name, InvalidOptionError for a prefix that contains a
 * directory.
 */
export function lockFileName(name: string, prefix: string | undefined, platform = process.platform): string {
  const fileName = oslosFileName(name, prefix);
  if (platform !== 'win32') return fileName;
  const encoded = windowsName(fileName);
  if (encoded.length > 255) throw new InvalidLockNameError(name, 'too-long');
  return encoded;
}

function oslosFileName(name: string, prefix: string | undefined): string {
  const plain = name.replaceAll('/', '_');
  const separator = prefix === undefined || prefix === '' || prefix.endsWith('-') ? '' : '-';
  const fileName = `${prefix ?? ''}${separator}${plain}`;
  if (name === '') throw new InvalidLockNameError(name, 'empty');
  if (fileName === '.' || fileName === '..') throw new InvalidLockNameError(name, 'dots');
  if (fileName.includes('\0')) throw new InvalidLockNameError(name, 'nul');
  if (!isWellFormed(fileName)) throw new InvalidLockNameError(name, 'not-well-formed');
  // In oslo, a prefix may contain a directory by accident; here it would escape the checks of the lock path.
  if (fileName.includes('/')) throw new InvalidOptionError('lockFilePrefix', 'a string without "/"', prefix);
  if (fileName.length > 63 && Buffer.byteLength(fileName) > 255) throw new InvalidLockNameError(name, 'too-long');
  if (fileName === hiddenFolder) throw new InvalidLockNameError(name, 'reserved');
  return fileName;
}

/**
 * Whether `text` contains no lone surrogate. UTF-8 cannot encode one: each becomes U+FFFD, so that several names would
 * mean one file.
 */
export function isWellFormed(text: string): boolean {
  return !loneSurrogate.test(text);
}

const loneSurrogate = /\p{Surrogate}/u;

/**
 * The absolute path of a lock path: of `lockPath`, or of the configured one if that is absent or empty.
 *
 * @throws LockPathRequiredError if there is no lock path, LockPathError if it is relative and the working directory was
 * removed
 */
export function absoluteLockPath(lockPath: string | undefined): string {
  const path = lockPath === undefined || lockPath === '' ? getOption('lockPath') : lockPath;
  if (path === undefined) throw new LockPathRequiredError();
  return absolute(path, path);
}

function absolute(path: string, lockPath: string): string {
  try {
    return resolve(path);
  } catch (error) {
    // Without a working directory, only absolute paths have a meaning.
    throw new LockPathError(lockPath, 'no-working-directory', error);
  }
}

/**
 * The absolute path of a lock file, in `lockPath` or the configured lock path.
 *
 * @throws the errors of {@link absoluteLockPath}, InvalidLockNameError
 */
export function lockFilePath(name: string, prefix: string | undefined, lockPath: string | undefined): string {
  if (last !== undefined && name === last.name && prefix === last.prefix && lockPath === last.lockPath)
    return last.path;
  const fileName = lockFileName(name, prefix);
  const path = join(absoluteLockPath(lockPath), fileName);
  // Not for a relative lock path, nor for the configured one: their meaning may change between two calls.
  if (lockPath !== undefined && isAbsolute(lockPath)) last = { name, prefix, lockPath, path };
  return path;
}

// A program that locks repeatedly mostly locks the same name.
let last:
  | { readonly name: string; readonly prefix: string | undefined; readonly lockPath: string; readonly path: string }
  | undefined;

/**
 * The absolute path of a lock file that was given as a path. Its last part must be a valid name of a lock file.
 *
 * @throws InvalidOptionError, InvalidLockNameError, LockPathError if the path is relative and the working directory was
 * removed
 */
export function lockFileAt(path: string): string {
  if (typeof path !== 'string' || path.includes('\0') || !isWellFormed(path) || /(^|[/\\])\.{0,2}$/.test(path)) {
    throw new InvalidOptionError('path', 'the path of a file, not empty, well-formed and without NUL', path);
  }
  // A path is not encoded: it names a file that others may use by that name.
  oslosFileName(basename(path), undefined);
  if (process.platform === 'win32' && !isWindowsName(basename(path))) {
    throw new InvalidOptionError('path', 'the path of a file, with a name that Windows allows for one', path);
  }
  return absolute(path, dirname(path));
}

// A directory that passed the check is not checked again in this process: the check is advice to people, and exclusion
// does not depend on it.
const checked = new Set<string>();

/**
 * Throws unless `directory` can contain lock files. Checks once per directory and process; call {@link forgetLockPath}
 * after the system reported otherwise.
 *
 * @throws LockPathError
 */
export function checkLockPath(directory: string): void {
  if (checked.has(directory)) return;
  restoreThreadLocks(directory);
  let stats: Stats | undefined;
  try {
    stats = statSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    throw new LockPathError(directory, lockPathProblem(error) ?? 'not-writable', error);
  }
  if (stats === undefined) throw new LockPathError(directory, 'missing');
  if (!stats.isDirectory()) throw new LockPathError(directory, 'not-a-directory');
  const everybodyWrites = (stats.mode & 0o002) !== 0 && (stats.mode & 0o1000) === 0;
  if (everybodyWrites && process.platform !== 'win32') throw new LockPathError(directory, 'insecure');
  if (checked.size >= 1000) checked.clear();
  checked.add(directory);
}

/** The problem of the lock path that the system's error at it, or at a plain file in it, shows; `undefined` if none. */
export function lockPathProblem(error: unknown): LockPathProblem | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'missing';
    case 'ENOTDIR':
      return 'not-a-directory';
    case 'ERR_ACCESS_DENIED':
      return 'forbidden';
    default:
      return undefined;
  }
}

/** Makes {@link checkLockPath} check again. */
export function forgetLockPath(directory: string): void {
  checked.delete(directory);
}
