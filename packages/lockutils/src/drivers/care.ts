import type { LockStatus } from './lock-status.js';

/**
 * Why something was left in place. `held`, `waited-for`: somebody uses it · `recent`: used since `olderThan` ·
 * `abandoned`: its last holder died, which the next one is to be told · `foreign`: not certainly a lock file of ours, or
 * no plain file at all · `failed`: the system refused.
 */
export type KeepReason = 'held' | 'waited-for' | 'recent' | 'abandoned' | 'foreign' | 'failed';

/** What a cleaning goes by, whatever the driver. */
export interface CleaningRule {
  /** Only what was last changed before this moment, ms since 1970. */
  readonly before: number;
  readonly dryRun: boolean;
  /** Whether to remove what tells the next holder that the last one died. */
  readonly abandonedToo: boolean;
}

/** What `cleanLocks` did. Names are those of the lock files. */
export interface CleanLocksResult {
  /** The locks whose files or folders were removed, or would have been. */
  readonly removed: readonly string[];
  /**
   * Everything else in the directory (with the lockfile driver: all other locks), and why it is still there; `error` is
   * the system's, where it refused.
   */
  readonly kept: readonly { readonly name: string; readonly reason: KeepReason; readonly error?: unknown }[];
}

/**
 * How the locks of one driver in a lock path are listed and cleaned. `cleanup/` sees a driver as this, as `locking/` sees
 * it as a `LockDriver`: only the driver itself knows what it writes to disk.
 */
export interface DriverCare {
  /** The locks, in any order. `names` are those of all entries of the lock path but the hidden folder. Tries no lock. */
  list(directory: string, names: readonly string[]): LockStatus[] | Promise<LockStatus[]>;
  /** Removes what the rule lets go, while others go on locking, and notes each lock in the report. Waits for no holder. */
  clean(directory: string, names: readonly string[], rule: CleaningRule, report: CleaningReport): Promise<void>;
}

/** What a cleaning comes to, lock by lock. */
export class CleaningReport {
  readonly removed: string[] = [];
  readonly kept: CleanLocksResult['kept'][number][] = [];
  readonly #explained: (error: unknown) => unknown;

  /** `explained` turns the system's error at a file into one for people. */
  constructor(explained: (error: unknown) => unknown) {
    this.#explained = explained;
  }

  /** Cleans one lock; `undefined`: there was nothing of it. An error of the system ends the cleaning of this lock only. */
  note(name: string, clean: () => 'removed' | KeepReason | undefined): void {
    try {
      const verdict = clean();
      if (verdict === 'removed') this.removed.push(name);
      else if (verdict !== undefined) this.kept.push({ name, reason: verdict });
    } catch (error) {
      this.kept.push({ name, reason: 'failed', error: this.#explained(error) });
    }
  }

  get result(): CleanLocksResult {
    return { removed: this.removed, kept: this.kept };
  }
}
