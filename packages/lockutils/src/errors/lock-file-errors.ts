import { ConcurrencyError } from '@oslo-concurrency/core';

/** At the lock file's path lies something that is not a plain file. The library did not follow, open or change it. */
export class LockFileTypeError extends ConcurrencyError {
  override readonly name: string = 'LockFileTypeError';
  readonly code = 'ERR_LOCK_FILE_TYPE';
  readonly path: string;
  /** What lies there: `a symbolic link`, `a FIFO`, `a directory`. */
  readonly found: string;

  constructor(path: string, found: string, cause?: unknown, expected = 'a plain file') {
    super(`The lock file ${path} is ${found}, not ${expected}; remove it if it is not needed`, { cause });
    this.path = path;
    this.found = found;
  }
}

/** What a {@link LockFileAccessError} reports about the file or folder that denies access. */
export interface AccessFacts {
  /** The file itself, or the folder on its path that this user may not enter or change. */
  readonly blockedAt: string;
  /** Its owner and group, by name if they have one, and its mode in octal digits. */
  readonly owner: string;
  readonly group: string;
  readonly mode: string;
  /** What removes the problem and which user can do it; a command if one suffices. */
  readonly remedy: string;
}

/**
 * The lock file, or another file of the library in the lock path, cannot be used: this user lacks the permission, or
 * the file system is read-only. The message names the file or folder that denies access, its owner, group and mode, and
 * the remedy.
 */
export class LockFileAccessError extends ConcurrencyError {
  override readonly name: string = 'LockFileAccessError';
  readonly code = 'ERR_LOCK_FILE_ACCESS';
  readonly path: string;
  /** `undefined` if nothing could be learned, and on a read-only file system. */
  readonly facts: AccessFacts | undefined;

  constructor(path: string, cause: NodeJS.ErrnoException, facts?: AccessFacts) {
    const why = cause.code === 'EROFS' ? 'its file system is read-only' : `this user may not (${cause.code})`;
    super(`The lock file ${path} cannot be opened for writing: ${why}${factsInWords(path, facts)}`, { cause });
    this.path = path;
    this.facts = facts;
  }
}

function factsInWords(path: string, facts: AccessFacts | undefined): string {
  if (facts === undefined) return '';
  const { blockedAt, owner, group, mode, remedy } = facts;
  return `; ${blockedAt === path ? 'it' : blockedAt} belongs to ${owner}:${group} with mode ${mode}. ${remedy}`;
}

/**
 * The system reported a failure at the lock file: disk full, no descriptors left, input/output error. Nothing is held.
 */
export class LockFileSystemError extends ConcurrencyError {
  override readonly name: string = 'LockFileSystemError';
  readonly code = 'ERR_LOCK_FILE_SYSTEM';
  readonly path: string;

  constructor(path: string, operation: string, cause: NodeJS.ErrnoException) {
    super(`Cannot ${operation} ${path}: ${systemAdvice[cause.code ?? ''] ?? cause.message}`, { cause });
    this.path = path;
  }
}

const systemAdvice: Record<string, string> = {
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is used up (EDQUOT)',
  EMFILE: 'this process has no file descriptor left (EMFILE); raise its limit or release locks',
  ENFILE: 'the system has no file descriptor left (ENFILE)',
};

/** The system cannot lock there, or not in the way the caller asked for. The lock is not granted. */
export class LockUnsupportedError extends ConcurrencyError {
  override readonly name: string = 'LockUnsupportedError';
  readonly code = 'ERR_LOCK_UNSUPPORTED';
  readonly path: string;

  constructor(path: string, what: string, cause?: unknown) {
    super(`${what} (${path})`, { cause });
    this.path = path;
  }
}
