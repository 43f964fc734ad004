import { realTime } from '@oslo-concurrency/core';
import type { Holder } from '../owner/holder.js';

/** What holders say of a lock; whoever lists it need not look further. */
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
  /** The name of the lock file: the prefix is part of it, and `/` in the lock name reads `_`. */
  readonly name: string;
  readonly lockFile: string;
  /** `held`: by one alone · `shared`: by readers, or by holders of permits · `unknown`: it cannot be seen from here. */
  readonly state: 'free' | 'held' | 'shared' | 'unknown';
  /** One entry a holder; what is not known of it is absent, if need be everything. */
  readonly holders: readonly Holder[];
  /** How many holders are admitted, when it is held by permits. */
  readonly permits: number | undefined;
  /** How many processes wait in line. Who polls without a place in it, such as Python's oslo, is not seen. */
  readonly waiters: number | undefined;
  /** For how long it has been held, by the wall clock of its longest holder. */
  readonly ageMs: number | undefined;
  /**
   * When a lock file was last changed, which every exclusive grant and release by this library does; of the lockfile
   * driver, when anything that is there of the lock was made. A lock that is held is used: about once an hour its holder
   * says so.
   */
  readonly lastUsed: Date;
  /** The last holder of a free lock, if it ended without releasing; the next holder is told. */
  readonly abandonedBy: Holder | undefined;
}
