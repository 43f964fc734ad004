import { ConcurrencyError } from '@oslo-concurrency/core';

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
  'too-long': 'must be at most 255 bytes long in UTF-8, including the prefix, and on Windows as it is encoded there',
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
