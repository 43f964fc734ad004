import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { encodeOwnerRecord } from '../../../owner/owner-record.js';
import { type Steps, step } from '../../../steps.js';
import {
  type LockPaths,
  lockPathRightsOf,
  lockPathsOf,
  type SeatPaths,
  seatPathsOf,
  upgradeName,
} from '../lock-paths.js';
import { discardOwnerFile, moveIn, prepareFolder } from '../owner-file.js';
import { type LockfileFs, quietly, removed } from '../system.js';
import { wakeFirst } from '../turns/waiters.js';

/** What other processes read that look at the lock in the meantime. */
const label = 'removing the leftovers of a lock';

/**
 * A lock held exclusively for a moment by a process whose death need not be reported.
 *
 * A folder with our owner file in `upgrade` is renamed to `held/NAME`, which succeeds only while that is missing or an
 * empty folder. The result is the state of a reader that waits to become exclusive, after the last seat was cleared: no
 * holder has a seat, because there is no `seats`. No process opens one or comes as a writer, because both rename to
 * `held/NAME`, which contains our file. A downgrade or the end of an upgrade also create `seats`, but only a holder
 * does these, and it would be in the folder.
 *
 * A crash leaves: before the rename, a folder in `new/`, to be removed later; after it, a dead reader in `upgrade`,
 * which the next process removes without a report; in the middle of {@link release}, empty folders, which are free. So
 * all reports for the next holder are still there, except those that were already removed.
 */
export class UnseenHold {
  readonly #fs: LockfileFs;
  readonly #lockFile: string;
  readonly #own: string;
  readonly #paths: LockPaths;
  readonly #seatPaths: SeatPaths;

  /** `own`: a name for an owner file, never used before. */
  constructor(fs: LockfileFs, lockFile: string, own: string) {
    this.#fs = fs;
    this.#lockFile = lockFile;
    this.#own = own;
    this.#paths = lockPathsOf(lockFile);
    this.#seatPaths = seatPathsOf(lockFile);
  }

  /** Acquires the lock if its folder is missing or completely empty. Otherwise nothing of ours is left. */
  *take(): Steps<boolean> {
    const fs = this.#fs;
    const made = join(this.#paths.prepared, this.#own);
    const inside = join(made, upgradeName);
    let moved = false;
    try {
      yield* prepareFolder(fs, this.#lockFile, this.#own);
      const rights = lockPathRightsOf(this.#lockFile);
      yield* step(fs.mkdir(inside, rights));
      yield* step(fs.create(join(inside, this.#own), encodeOwnerRecord(label, realTime.date()), rights));
      moved = yield* moveIn(fs, made, this.#paths.held, this.#own, this.#paths.remake);
    } finally {
      if (!moved) {
        yield* discardOwnerFile(fs, inside, this.#own);
        yield* quietly(() => fs.rmdir(made));
        // It may have succeeded although the answer was lost.
        yield* this.release();
      }
    }
    return moved;
  }

  /** Releases it; has no effect if we do not hold it. */
  *release(): Steps<void> {
    const { upgrade } = this.#seatPaths;
    // Tried twice, because no other process can acquire the lock while this file exists and we live.
    try {
      yield* removed(this.#fs, join(upgrade, this.#own));
    } catch {
      yield* removed(this.#fs, join(upgrade, this.#own));
    }
    for (const folder of [upgrade, this.#paths.held]) yield* quietly(() => this.#fs.rmdir(folder));
    // A waiter that was refused meanwhile sleeps until a holder wakes it.
    yield* wakeFirst({ fs: this.#fs, lockFile: this.#lockFile });
  }
}
