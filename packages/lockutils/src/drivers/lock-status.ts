import { realTime } from '@oslo-concurrency/core';
import type { Holder } from '../owner/holder.js';

/** The part of a lock's status that follows from its holders. */
export function heldBy(holders: readonly Holder[]): Pick<LockStatus, 'holders' | 'permits' | 'ageMs'> {
  const since = holders.flatMap((holder) => holder.since?.getTime() ?? []);
  return {
    holders,
    permits: holders.find((holder) => holder.permits !== undefined)?.permits,
    // The clock may have been set back since.
    ageMs: since.length === 0 ? undefined : Math.max(0, realTime.date() - Math.min(...since)),
  };
}

/** One lock of a lock path, as `listLocks` finds it. Times are milliseconds. */
export interface LockStatus {
  /** The name of the lock file: it includes the prefix, and `/` in the lock name appears as `_`. */
  readonly name: string;
  readonly lockFile: string;
  /**
   * `held`: by one exclusive holder · `shared`: by readers or permit holders · `unknown`: the state cannot be seen from
   * here.
   */
  readonly state: 'free' | 'held' | 'shared' | 'unknown';
  /** One entry per holder. Unknown fields of a holder are absent; possibly all of them. */
  readonly holders: readonly Holder[];
  /** The number of holders that are admitted, if the lock is held with permits. */
  readonly permits: number | undefined;
  /**
   * The number of processes in the queue. A process that polls without a place in the queue, such as Python's oslo, is
   * not counted.
   */
  readonly waiters: number | undefined;
  /** How long the lock has been held, by the wall clock of its longest holder. */
  readonly ageMs: number | undefined;
  /**
   * When the lock was last used. Kernel driver: when the lock file was last changed; every exclusive grant and release
   * by this library changes it. Lockfile driver: when any existing part of the lock was created. The holder of a lock
   * updates these times about once an hour.
   */
  readonly lastUsed: Date;
  /** The last holder of a free lock, if it ended without releasing. The next holder will learn of that. */
  readonly abandonedBy: Holder | undefined;
  /**
   * Why nothing more is known: this user may not read the lock file; with the remedy. Such a file is listed if it is
   * locked, or if its name and length allow it to be a lock file.
   */
  readonly note?: string;
}
