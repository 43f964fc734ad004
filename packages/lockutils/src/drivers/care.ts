import type { LockStatus } from './lock-status.js';

/**
 * Why a lock was left in place. `held`, `waited-for`: it is in use · `recent`: it was used since `olderThan` ·
 * `abandoned`: its last holder died, and the next holder must learn of that · `foreign`: it is not certainly one of our
 * lock files, or not a plain file · `unreadable`: this user may not read it, so its kind is unknown · `failed`: the
 * system refused.
 */
export type KeepReason = 'held' | 'waited-for' | 'recent' | 'abandoned' | 'foreign' | 'unreadable' | 'failed';

/** A reason with the error of the system behind it. */
export interface Refusal {
  readonly reason: KeepReason;
  readonly error: unknown;
}

/** The rule of a cleaning, whatever the driver. */
export interface CleaningRule {
  /** Only files that were last changed before this moment, in ms since 1970. */
  readonly before: number;
  readonly dryRun: boolean;
  /** Whether to also remove the marks that report the last holder's death to the next holder. */
  readonly abandonedToo: boolean;
}

/** The result of `cleanLocks`. Names are the names of the lock files. */
export interface CleanLocksResult {
  /** The locks whose files or folders were removed, or would have been removed with `dryRun`. */
  readonly removed: readonly string[];
  /**
   * Everything else in the directory (with the lockfile driver: all other locks), and why it is still there. `error` is
   * the system's error if the system refused.
   */
  readonly kept: readonly { readonly name: string; readonly reason: KeepReason; readonly error?: unknown }[];
}

/**
 * Lists and cleans the locks of one driver in a lock path. `cleanup/` sees a driver only through this interface, as
 * `locking/` sees it only as a `LockDriver`: only the driver itself knows the files that it writes.
 */
export interface DriverCare {
  /**
   * The locks, in any order. `names` are the names of all entries of the lock path except the hidden folder. Tries no
   * lock.
   */
  list(directory: string, names: readonly string[]): LockStatus[] | Promise<LockStatus[]>;
  /**
   * The folders in which something changes when a process of this library acquires or releases a lock of a lock path, or
   * begins to wait: for hints, which may be missed or false. They need not exist.
   */
  changing(directory: string): readonly string[];
  /**
   * Removes the locks that the rule allows to remove, while other processes go on locking, and records each lock in the
   * report. Never waits for a holder.
   */
  clean(directory: string, names: readonly string[], rule: CleaningRule, report: CleaningReport): Promise<void>;
}

/** The result of a cleaning, lock by lock. */
export class CleaningReport {
  readonly removed: string[] = [];
  readonly kept: CleanLocksResult['kept'][number][] = [];
  readonly #explained: (error: unknown) => unknown;

  /** `explained` turns the system's error at a file into one for people. */
  constructor(explained: (error: unknown) => unknown) {
    this.#explained = explained;
  }

  /**
   * Cleans one lock. `undefined` means that nothing of it was there. An error of the system ends only the cleaning of
   * this lock.
   */
  note(name: string, clean: () => 'removed' | KeepReason | Refusal | undefined): void {
    try {
      const verdict = clean();
      if (verdict === 'removed') this.removed.push(name);
      else if (typeof verdict === 'string') this.kept.push({ name, reason: verdict });
      else if (verdict !== undefined) this.#refused(name, verdict);
    } catch (error) {
      this.#refused(name, { reason: 'failed', error });
    }
  }

  #refused(name: string, { reason, error }: Refusal): void {
    this.kept.push({ name, reason, error: this.#explained(error) });
  }

  get result(): CleanLocksResult {
    return { removed: this.removed, kept: this.kept };
  }
}
