import { checkOptionNames } from '@oslo-concurrency/core';
import type { LockStatus } from '../drivers/lock-status.js';
import { careOf } from '../drivers/select.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';

/** Options of {@link listLocks}. */
export interface ListLocksOptions {
  /**
   * The directory to list.
   * @defaultValue the configured lock path
   */
  readonly lockPath?: string;
}

const optionNames: ReadonlySet<string> = new Set<keyof ListLocksOptions>(['lockPath']);

/**
 * Lists the locks of a lock path, sorted by name. Only reads: it tries no lock, so it never makes another caller's
 * attempt fail.
 *
 * For the kernel driver, the kernel's lock table (`/proc/locks`) decides which process holds a lock, whatever the
 * record in the lock file claims. For the lockfile driver, every recorded holder counts that is not certainly dead; a
 * free lock is listed only while a caller waits for it, or if its holder died. The state is `unknown` if the table is
 * not available, and inside a container for files that only Python used. The result describes a moment that has just
 * passed, and this machine only.
 *
 * @throws LockPathRequiredError, LockPathError, or the system's error if the directory cannot be read.
 * @example
 * for (const { name, state, holders } of await listLocks()) console.log(name, state, holders[0]?.pid);
 */
export async function listLocks(options: ListLocksOptions = {}): Promise<LockStatus[]> {
  checkOptionNames(options, optionNames);
  const directory = directoryOf(options);
  const names = readLockPath(directory);
  try {
    const found = await careOf(driverOf(directory)).list(directory, names);
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw explainedAt(directory, error);
  }
}
