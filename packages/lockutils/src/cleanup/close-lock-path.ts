import { checkOptionNames } from '@oslo-concurrency/core';
import { closeIdleFiles } from '../drivers/idle-files.js';
import { forgetLockPath } from '../lock-path/lock-path.js';
import { forgetFileSystem } from '../lock-path/network-file-system.js';
import { directoryOf } from './lock-directory.js';

/** Options of {@link closeLockPath}. */
export interface CloseLockPathOptions {
  /**
   * The lock path, or a folder above it, such as the mount point of its file system.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string;
}

const optionNames: ReadonlySet<string> = new Set<keyof CloseLockPathOptions>(['lockPath']);

/**
 * Closes a lock path at once, so that its file system can be unmounted. The kernel driver keeps lock files open for a
 * moment after their release; this closes them. It also forgets what the library learned about the directory.
 *
 * Promises: afterwards the calling thread has nothing open in the lock path, except for its locks that are held or
 * waited for; those keep their files open. Does not promise this for other worker threads of the process: each of them
 * closes its files within half a second after its last release. The next lock there opens the lock path again.
 * oslo.concurrency has no counterpart, because it keeps nothing open.
 *
 * @throws InvalidOptionError; LockPathRequiredError if there is no lock path.
 * @example
 * closeLockPath({ lockPath: '/mnt/disk/locks' });
 */
export function closeLockPath(options: CloseLockPathOptions = {}): void {
  checkOptionNames(options, optionNames);
  const directory = directoryOf(options);
  closeIdleFiles(directory);
  forgetLockPath(directory);
  forgetFileSystem(directory);
}
