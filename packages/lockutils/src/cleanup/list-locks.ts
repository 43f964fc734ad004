import { checkOptionNames } from '@oslo-concurrency/core';
import type { LockStatus } from '../drivers/lock-status.js';
import { careOf } from '../drivers/select.js';
import { directoryOf, driverOf, explainedAt, readLockPath } from './lock-directory.js';

/** Options of {@link listLocks}. */
export interface ListLocksOptions {
  /** The directory to list; the configured lock path by default. */
  readonly lockPath?: string;
}

const optionNames: ReadonlySet<string> = new Set<keyof ListLocksOptions>(['lockPath']);

/**
 * Lists the locks of a lock path, sorted by name. Reads only: no lock is tried, so nobody's attempt fails because of it.
 *
 * Who holds is the kernel's word (`/proc/locks`), whatever the record in the lock file claims; of the lockfile driver's,
 * all that are not certainly dead. A free lock of that driver is listed only while somebody waits for it, or died. Where
 * the table cannot be had the state is `unknown`; so it is inside a container for files that only Python used. The answer
 * is about moments ago, and about this machine.
 *
 * @throws LockPathRequiredError, LockPathError, or the system's error when the directory cannot be read.
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
