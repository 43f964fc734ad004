import { ConcurrencyError } from '@oslo-concurrency/core';
import type { Holder } from './owner/holder.js';

/** Describes the holders of a lock for an error message: `held by pid 42 (node deploy.js) on web1 since ...`. */
export function describeHolders(holders: readonly Holder[]): string {
  const [first, ...more] = holders;
  if (first === undefined) return 'holder unknown';
  const command = first.command === undefined ? '' : ` (${first.command})`;
  const label = first.label === undefined ? '' : ` "${first.label}"`;
  const host = first.host === undefined ? '' : ` on ${first.host}`;
  const since = first.since === undefined ? '' : ` since ${first.since.toISOString()}`;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `held by pid ${first.pid ?? 'unknown'}${command}${label}${host}${since}${others}`;
}

/**
 * The lock is not free and the caller did not want to wait (`blocking: false`). The message and `holders` name the
 * holders.
 *
 * oslo's counterpart: `AcquireLockFailedException`. The message begins with oslo's text.
 */
export class AcquireLockFailedError extends ConcurrencyError {
  override readonly name: string = 'AcquireLockFailedError';
  readonly code = 'ERR_LOCK_NOT_ACQUIRED';
  readonly lockName: string;
  /** The holders at that moment, as far as they are known; empty if none is known. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, holders: readonly Holder[] = [], options?: ErrorOptions) {
    super(`Failed to acquire the lock ${lockName}: ${describeHolders(holders)}`, options);
    this.lockName = lockName;
    this.holders = holders;
  }
}

/** The lock was not granted within `timeout` ms. The message and `holders` name the holders. */
export class LockTimeoutError extends ConcurrencyError {
  override readonly name: string = 'LockTimeoutError';
  readonly code = 'ERR_LOCK_TIMEOUT';
  readonly lockName: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** The holders when the timeout expired, as far as they are known; empty if none is known. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, timeout: number, holders: readonly Holder[]) {
    super(`Timed out after ${timeout} ms waiting for the lock ${lockName}: ${describeHolders(holders)}`);
    this.lockName = lockName;
    this.timeout = timeout;
    this.holders = holders;
  }
}

/** The caller asked for an external lock, but no lock path is configured. oslo's counterpart: `RequiredOptError`. */
export class LockPathRequiredError extends ConcurrencyError {
  override readonly name: string = 'LockPathRequiredError';
  readonly code = 'ERR_LOCK_PATH_REQUIRED';

  constructor() {
    super(
      'External locks need a lock path: give lockPath, call configure({ lockPath }), set OSLO_LOCK_PATH, or set lock_path in [oslo_concurrency] of the configuration file',
    );
  }
}

/** Why a directory cannot be a lock path. */
export type LockPathProblem =
  | 'missing'
  | 'not-a-directory'
  | 'not-writable'
  | 'not-readable'
  | 'read-only'
  | 'insecure'
  | 'forbidden'
  | 'no-working-directory';

const lockPathAdvice: Record<LockPathProblem, string> = {
  missing:
    'does not exist; create it once (it is not created for you, so that a mistyped path cannot become a second lock path)',
  'not-a-directory': 'is not a directory',
  'not-writable': 'is not writable for this user; allow the users whose processes take part to write there',
  'not-readable': 'is not readable for this user; allow the users whose processes take part to read it',
  'read-only': 'is on a read-only file system, where nothing can be locked; remount it, or use another lock path',
  insecure: 'is writable for everybody and has no sticky bit, so any user can remove a held lock; run chmod o-w on it',
  forbidden: 'is forbidden by node --permission; allow it with --allow-fs-read and --allow-fs-write',
  'no-working-directory':
    'is relative, and the working directory of this process was removed; use an absolute lock path, or change to a directory that exists',
};

/** The lock path cannot be used. Nothing was created in it. */
export class LockPathError extends ConcurrencyError {
  override readonly name: string = 'LockPathError';
  readonly code = 'ERR_LOCK_PATH';
  readonly path: string;
  readonly problem: LockPathProblem;

  constructor(path: string, problem: LockPathProblem, cause?: unknown) {
    super(`The lock path ${path} ${lockPathAdvice[problem]}`, { cause });
    this.path = path;
    this.problem = problem;
  }
}

/** Why a name cannot be a lock name. */
export type LockNameProblem = 'empty' | 'dots' | 'nul' | 'not-well-formed' | 'too-long' | 'reserved';

const lockNameAdvice: Record<LockNameProblem, string> = {
  empty: 'must not be empty',
  dots: 'must not be "." or ".."',
  nul: 'must not contain a NUL',
  'not-well-formed': 'must not contain half of a surrogate pair: several such names would map to one file',
  'too-long': 'must be at most 255 bytes long in UTF-8, including the prefix',
  reserved: 'is reserved for the files of this library',
};

/**
 * The lock name is not valid: it is empty or not well-formed, or it is the name of an external lock and not a valid
 * file name. Nothing was opened.
 */
export class InvalidLockNameError extends ConcurrencyError {
  override readonly name: string = 'InvalidLockNameError';
  readonly code = 'ERR_INVALID_LOCK_NAME';
  readonly lockName: string;
  readonly problem: LockNameProblem;

  constructor(lockName: string, problem: LockNameProblem) {
    const shown = JSON.stringify(lockName.length > 80 ? `${lockName.slice(0, 80)}...` : lockName);
    super(`The lock name ${shown} ${lockNameAdvice[problem]}`);
    this.lockName = lockName;
    this.problem = problem;
  }
}

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

/**
 * The kernel driver cannot call `fcntl` here: its native add-on cannot be loaded, and node:ffi (Linux, Node 26.1 or newer)
 * cannot take its place. The library does not fall back to another driver. `cause` is the error of the add-on, or of
 * node:ffi if the option `kernelCalls` asks for that.
 */
export class AddOnUnavailableError extends ConcurrencyError {
  override readonly name: string = 'AddOnUnavailableError';
  readonly code = 'ERR_ADDON_UNAVAILABLE';

  constructor(cause: unknown, ffi?: Error) {
    super(
      cause === undefined
        ? `The option kernelCalls is 'ffi', but ${ffi?.message}. With 'auto' the kernel driver uses its add-on`
        : `${withoutAddOn()}${ffi === undefined ? '' : `, and node:ffi cannot take its place: ${ffi.message}`}. ${addOnAdvice}`,
      { cause: cause ?? ffi },
    );
  }
}

function withoutAddOn(): string {
  const forbidden = process.permission === undefined ? '' : ' (node --permission allows it with --allow-addons)';
  return `The add-on fs-native-extensions of the kernel driver cannot be loaded here${forbidden}`;
}

const addOnAdvice =
  "If this program is a bundle, copy the add-on and its dependencies into a node_modules folder beside it. Otherwise use driver: 'lockfile' in all processes that share the lock path";

/** Facts about a lock that a call asks for inside the body that holds it. */
export interface NestedLock {
  /** Whether the body holds the lock shared and the call asks for it exclusively. */
  readonly shared?: boolean;
  /** The lock file that the body holds, if it is not the file that the call asks for. */
  readonly otherFile?: string | undefined;
}

/**
 * The wait could never end: the caller itself holds the lock, or the holder waits for the caller, directly or through
 * other waiters. The wait was ended.
 */
export class DeadlockError extends ConcurrencyError {
  override readonly name: string = 'DeadlockError';
  readonly code = 'ERR_DEADLOCK';
  /** The names on the cycle. The first and the last are the same. */
  readonly cycle: readonly string[];
  /** The processes on the cycle, this one first. Only this one if the cycle lies within it. */
  readonly pids: readonly number[];

  constructor(cycle: readonly string[], pids: readonly number[] = [process.pid], nested?: NestedLock) {
    const between = pids.length > 1 ? ` between the processes ${pids.join(', ')}` : '';
    super(nested === undefined ? `Deadlock${between}: ${cycle.join(' -> ')}; ${inOrder}` : nestedText(cycle, nested));
    this.cycle = cycle;
    this.pids = pids;
  }
}

const inOrder = 'each waits for the next while holding its own lock. Acquire them in one order, or with acquireAll';

function nestedText([name]: readonly string[], { shared, otherFile }: NestedLock): string {
  const asked = `Deadlock: the lock ${name} is asked for inside the body that holds it`;
  if (otherFile !== undefined) {
    return `${asked} as ${otherFile}; within a process a name is one lock, whatever its lock path and prefix, as in oslo.concurrency. Use two different names`;
  }
  if (shared) return `${asked} as a reader; call upgrade() of its handle instead`;
  return `${asked}; locks are not reentrant. Acquire it once, in the outermost function, or pass its handle on`;
}

/**
 * Another reader of the same lock already waits to become its writer, so each of the two would wait for the other. The
 * caller still holds the lock shared.
 */
export class UpgradeConflictError extends ConcurrencyError {
  override readonly name: string = 'UpgradeConflictError';
  readonly code = 'ERR_LOCK_UPGRADE_CONFLICT';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`Another reader already waits to upgrade the lock ${lockName}; release it and lock it exclusively instead`);
    this.lockName = lockName;
  }
}

/**
 * The lock could not be released. It counts as held until another `release()` succeeds.
 *
 * Exception: if the cause is a {@link LockLostError}, the holder had already lost the lock. Then nothing is held, and
 * another `release()` reports the same error again.
 */
export class LockReleaseError extends ConcurrencyError {
  override readonly name: string = 'LockReleaseError';
  readonly code = 'ERR_LOCK_RELEASE';
  readonly lockName: string;

  constructor(lockName: string, cause: unknown) {
    super(`Failed to release the lock ${lockName}: ${(cause as Error | undefined)?.message ?? cause}`, { cause });
    this.lockName = lockName;
  }
}

/**
 * `lockSync` would have to wait for something that this thread itself holds or waits for. That could not change while
 * the thread is stopped. The call was refused at once; nothing was queued.
 */
export class HeldByThisThreadError extends ConcurrencyError {
  override readonly name: string = 'HeldByThisThreadError';
  readonly code = 'ERR_LOCK_HELD_BY_THIS_THREAD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(
      `lockSync would stop this thread forever: the thread itself holds the lock ${lockName} or waits for it. Release it first, or wait with lock()`,
    );
    this.lockName = lockName;
  }
}

/**
 * The caller called `release()` on a lock object that does not hold its lock. Nothing was changed. fasteners:
 * `ThreadError`.
 */
export class LockNotHeldError extends ConcurrencyError {
  override readonly name: string = 'LockNotHeldError';
  readonly code = 'ERR_LOCK_NOT_HELD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`This object does not hold the lock ${lockName}, so it cannot release it`);
    this.lockName = lockName;
  }
}

/**
 * The lock path is in use with another driver. Two drivers do not see each other's locks, so nothing was locked.
 *
 * Use one driver per lock path: give `driver` the same value in all processes, or choose another `lockPath`.
 */
export class LockDriverMismatchError extends ConcurrencyError {
  override readonly name: string = 'LockDriverMismatchError';
  readonly code = 'ERR_LOCK_DRIVER_MISMATCH';
  /** The lock path. */
  readonly path: string;
  /** The driver that the caller asked for. */
  readonly driver: string;
  /** The driver that the lock path is marked with. */
  readonly markedWith: string;

  constructor(path: string, driver: string, markedWith: string, marker: string) {
    super(
      `The lock path ${path} is used with the driver ${markedWith}, not ${driver}: use driver: '${markedWith}' or another lock path; to change the driver of this lock path, remove ${marker} while nothing uses the lock path`,
    );
    this.path = path;
    this.driver = driver;
    this.markedWith = markedWith;
  }
}

/**
 * The holder no longer held the lock when it released it: somebody had removed or replaced the lock's file by hand.
 * Another process may have held the lock in the meantime. The release left a successor's lock untouched.
 */
export class LockLostError extends ConcurrencyError {
  override readonly name: string = 'LockLostError';
  readonly code = 'ERR_LOCK_LOST';
  /** The lock file. */
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    super(
      `The lock ${path} was lost while it was held: its file was removed or replaced, so another process may hold it too. Remove the files of a lock path only with lockutils clean`,
      { cause },
    );
    this.path = path;
  }
}

/**
 * The lock path lies on a file system that other machines, or another kernel, can also reach. They might not see this
 * kernel's locks, so nothing was locked.
 */
export class NetworkFileSystemError extends ConcurrencyError {
  override readonly name: string = 'NetworkFileSystemError';
  readonly code = 'ERR_NETWORK_FILE_SYSTEM';
  /** The lock path. */
  readonly path: string;
  /** `nfs`, `cifs`, `fuse` ... */
  readonly fileSystem: string;

  constructor(path: string, fileSystem: string) {
    super(
      `The lock path ${path} is on a ${fileSystem} file system, where other machines may not see a kernel lock: use a directory on a local disk, or driver: 'lockfile', or a lease; or set allowNetworkFileSystem: true if only processes of this machine lock there`,
    );
    this.path = path;
    this.fileSystem = fileSystem;
  }
}
