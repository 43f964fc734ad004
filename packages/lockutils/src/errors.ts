import { ConcurrencyError } from '@oslo-concurrency/core';
import type { Holder } from './owner/holder.js';

/** Says who holds a lock, in the words of an error message: `held by pid 42 (node deploy.js) on web1 since ...`. */
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
 * The lock is not free and `blocking: false` asked not to wait. The message and `holders` tell who has it.
 *
 * oslo's counterpart: `AcquireLockFailedException`, with its message in front.
 */
export class AcquireLockFailedError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_NOT_ACQUIRED';
  readonly lockName: string;
  /** The holders then, as far as they can be known; empty when not. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, holders: readonly Holder[] = [], options?: ErrorOptions) {
    super(`Failed to acquire the lock ${lockName}: ${describeHolders(holders)}`, options);
    this.lockName = lockName;
    this.holders = holders;
  }
}

/** The lock was not granted within `timeout` ms. The message and `holders` tell who has it. */
export class LockTimeoutError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_TIMEOUT';
  readonly lockName: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** The holders when the time was up, as far as they can be known; empty when not. */
  readonly holders: readonly Holder[];

  constructor(lockName: string, timeout: number, holders: readonly Holder[]) {
    super(`Timed out after ${timeout} ms waiting for the lock ${lockName}: ${describeHolders(holders)}`);
    this.lockName = lockName;
    this.timeout = timeout;
    this.holders = holders;
  }
}

/** An external lock was asked for and no lock path is configured. oslo's counterpart: `RequiredOptError`. */
export class LockPathRequiredError extends ConcurrencyError {
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
  | 'forbidden';

const lockPathAdvice: Record<LockPathProblem, string> = {
  missing: 'does not exist; create it once, so that a mistyped path cannot become a second place to lock in',
  'not-a-directory': 'is not a directory',
  'not-writable': 'cannot be written to by this user; give it to the users whose processes take part',
  'not-readable': 'cannot be read by this user; give it to the users whose processes take part',
  'read-only': 'is on a read-only file system, where nothing can be locked; remount it, or use another lock path',
  insecure: 'can be written to by everybody and has no sticky bit, so anyone can take a held lock away; chmod o-w it',
  forbidden: 'is forbidden by node --permission; allow it with --allow-fs-read and --allow-fs-write',
};

/** The lock path cannot be used. Nothing was created in it. */
export class LockPathError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_PATH';
  readonly path: string;
  readonly problem: LockPathProblem;

  constructor(path: string, problem: LockPathProblem, cause?: unknown) {
    super(`The lock path ${path} ${lockPathAdvice[problem]}`, { cause });
    this.path = path;
    this.problem = problem;
  }
}

/** Why a name cannot be a lock file. */
export type LockNameProblem = 'empty' | 'dots' | 'nul' | 'not-well-formed' | 'too-long' | 'reserved';

const lockNameAdvice: Record<LockNameProblem, string> = {
  empty: 'must not be empty',
  dots: 'must not be "." or ".."',
  nul: 'must not contain a NUL',
  'not-well-formed': 'must not contain half of a surrogate pair: several such names would lead to one file',
  'too-long': 'must be at most 255 bytes long in UTF-8, the prefix included',
  reserved: 'is reserved for the files of this library',
};

/** The name cannot be that of a lock: it is empty, not well-formed, or, of an external lock, no file name. Nothing was opened. */
export class InvalidLockNameError extends ConcurrencyError {
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

/** Something that is not a plain file lies where the lock file should be. It was not followed, opened or changed. */
export class LockFileTypeError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_FILE_TYPE';
  readonly path: string;
  /** What lies there: `a symbolic link`, `a FIFO`, `a directory`. */
  readonly found: string;

  constructor(path: string, found: string, cause?: unknown) {
    super(`The lock file ${path} is ${found}, not a plain file; remove it if nobody needs it`, { cause });
    this.path = path;
    this.found = found;
  }
}

/** What a {@link LockFileAccessError} knows of the file or folder that is in the way. */
export interface AccessFacts {
  /** The file itself, or the folder on the way to it that this user may not enter or change. */
  readonly blockedAt: string;
  /** Its owner and group, by name where they have one, and the digits of its mode. */
  readonly owner: string;
  readonly group: string;
  readonly mode: string;
  /** Who could mend it, and how; a command where one does. */
  readonly remedy: string;
}

/**
 * The lock file, or another file of the library in the lock path, cannot be used: permissions, or a read-only file
 * system. The message names the owner, the group and the mode of what is in the way, and what mends it.
 */
export class LockFileAccessError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_FILE_ACCESS';
  readonly path: string;
  /** `undefined` where nothing could be learned, and on a read-only file system. */
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

/** The system failed at the lock file: disk full, no descriptors left, input/output error. Nothing is held. */
export class LockFileSystemError extends ConcurrencyError {
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

/** The system cannot lock there at all, or not in this way. Fails closed: the lock is not granted. */
export class LockUnsupportedError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_UNSUPPORTED';
  readonly path: string;

  constructor(path: string, what: string, cause?: unknown) {
    super(`${what} (${path})`, { cause });
    this.path = path;
  }
}

/** The native add-on of the kernel driver cannot be loaded. There is no silent fallback. */
export class AddOnUnavailableError extends ConcurrencyError {
  readonly code = 'ERR_ADDON_UNAVAILABLE';

  constructor(cause: unknown) {
    const forbidden = process.permission === undefined ? '' : ' (node --permission allows it with --allow-addons)';
    super(
      `The add-on fs-native-extensions of the kernel driver cannot be loaded here${forbidden}; use driver: 'lockfile' in all processes that share the lock path`,
      { cause },
    );
  }
}

/** What is known of a lock that a call asks for inside the body that holds it. */
export interface NestedLock {
  /** Whether the body shares it, and the call asks for it alone. */
  readonly shared?: boolean;
  /** The lock file that the body holds, when it is not the one that the call asks for. */
  readonly otherFile?: string | undefined;
}

/** Waiting could never end: the caller, or somebody who waits for it, holds what it asks for. Its wait is over. */
export class DeadlockError extends ConcurrencyError {
  readonly code = 'ERR_DEADLOCK';
  /** The names on the way round, first and last the same. */
  readonly cycle: readonly string[];
  /** The processes that wait for each other, this one first; only this one when the cycle is within it. */
  readonly pids: readonly number[];

  constructor(cycle: readonly string[], pids: readonly number[] = [process.pid], nested?: NestedLock) {
    const between = pids.length > 1 ? ` between the processes ${pids.join(', ')}` : '';
    super(nested === undefined ? `Deadlock${between}: ${cycle.join(' -> ')}; ${inOrder}` : nestedText(cycle, nested));
    this.cycle = cycle;
    this.pids = pids;
  }
}

const inOrder = 'each waits for the next with its own lock held. Take them in one order, or by acquireAll';

function nestedText([name]: readonly string[], { shared, otherFile }: NestedLock): string {
  const asked = `Deadlock: the lock ${name} is asked for inside the body that holds it`;
  if (otherFile !== undefined) {
    return `${asked} as ${otherFile}; within a process a name is one lock, whatever its lock path and prefix, as in oslo.concurrency. Give the two different names`;
  }
  if (shared) return `${asked} as a reader; call upgrade() of its handle instead`;
  return `${asked}; locks are not reentrant. Take it once, in the outermost function, or hand its handle on`;
}

/** Another reader of the same lock waits to become writer, so each would wait for the other. Still held, shared. */
export class UpgradeConflictError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_UPGRADE_CONFLICT';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`Another reader already waits to upgrade the lock ${lockName}; release it and lock it exclusively instead`);
    this.lockName = lockName;
  }
}

/**
 * The lock could not be released. It counts as held until a further `release()` succeeds; but not when the cause is a
 * {@link LockLostError}: then it had been taken away, nothing is held, and `release()` only says so again.
 */
export class LockReleaseError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_RELEASE';
  readonly lockName: string;

  constructor(lockName: string, cause: unknown) {
    super(`Failed to release the lock ${lockName}: ${(cause as Error | undefined)?.message ?? cause}`, { cause });
    this.lockName = lockName;
  }
}

/**
 * `lockSync` would have to wait for something that this thread holds or waits for itself, and that cannot move while
 * the thread is stopped. Refused at once; nothing was queued.
 */
export class HeldByThisThreadError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_HELD_BY_THIS_THREAD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(
      `lockSync would stop this thread for ever: the thread itself holds the lock ${lockName}, or waits for it. Release it first, or wait with lock()`,
    );
    this.lockName = lockName;
  }
}

/** `release()` of a lock object that does not hold its lock. Nothing was changed. fasteners: `ThreadError`. */
export class LockNotHeldError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_NOT_HELD';
  readonly lockName: string;

  constructor(lockName: string) {
    super(`The lock ${lockName} is not held by this object, so it cannot be released by it`);
    this.lockName = lockName;
  }
}

/**
 * The lock path is used with another driver. Two drivers do not see each other's locks, so nothing was locked.
 *
 * One driver per lock path: give `driver` the same value in all processes, or another `lockPath`.
 */
export class LockDriverMismatchError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_DRIVER_MISMATCH';
  /** The lock path. */
  readonly path: string;
  /** The driver asked for. */
  readonly driver: string;
  /** The driver the lock path is marked with. */
  readonly markedWith: string;

  constructor(path: string, driver: string, markedWith: string, marker: string) {
    super(
      `The lock path ${path} is used with the driver ${markedWith}, not ${driver}: give driver: '${markedWith}' or another lock path; to change it for good, remove ${marker} while nothing uses the lock path`,
    );
    this.path = path;
    this.driver = driver;
    this.markedWith = markedWith;
  }
}

/**
 * The lock was not ours any more when it was released: somebody removed its owner file by hand, and another process may
 * have had it meanwhile. Nothing was released, so a successor is not hurt.
 */
export class LockLostError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_LOST';
  /** The lock file. */
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    super(
      `The lock ${path} was taken away while it was held: its file was removed or replaced, so another process may hold it too. Remove files of a lock path only by lockutils clean`,
      { cause },
    );
    this.path = path;
  }
}

/**
 * The lock path lies on a file system that other machines, or a kernel other than this one, can reach too. Locks of the
 * kernel would silently not be seen by them, so nothing was locked.
 */
export class NetworkFileSystemError extends ConcurrencyError {
  readonly code = 'ERR_NETWORK_FILE_SYSTEM';
  /** The lock path. */
  readonly path: string;
  /** `nfs`, `cifs`, `fuse` ... */
  readonly fileSystem: string;

  constructor(path: string, fileSystem: string) {
    super(
      `The lock path ${path} is on a ${fileSystem} file system, where a kernel lock may not be seen by everybody: use a directory on a local disk, or driver: 'lockfile', or a lease; or set allowNetworkFileSystem: true if only processes of this machine lock there`,
    );
    this.path = path;
    this.fileSystem = fileSystem;
  }
}
