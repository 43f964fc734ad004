import { checkOptionNames } from '@oslo-concurrency/core';
import { closeIdleFiles } from '../drivers/idle-files.js';
import { forgetLockPath } from '../lock-path/lock-path.js';
import { forgetFileSystem } from '../lock-path/network-file-system.js';
import { directoryOf } from './lock-directory.js';

/** Options of {@link closeLockPath}. */
export interface CloseLockPathOptions {
  /** The lock path, or a folder above it, such as where its file system is mounted; the configured lock path by default. */
  readonly lockPath?: string;
}

const optionNames: ReadonlySet<string> = new Set<keyof CloseLockPathOptions>(['lockPath']);

/**
 * Lets go of a lock path at once, so that its file system can be unmounted: closes the lock files that the kernel driver
 * keeps open for a moment after their release, and forgets what was found about the directory.
 *
 * Promises: nothing of the calling thread is open in the lock path afterwards, as far as none of its locks is held or
 * waited for; those stay as they are, and keep their files open. Does not promise that for other worker threads of the
 * process, which do so by themselves within half a second after their last release. The next lock there opens it again.
 * oslo.concurrency has no counterpart, as it keeps nothing open.
 *
 * @throws InvalidOptionError, LockPathRequiredError when there is none.
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
