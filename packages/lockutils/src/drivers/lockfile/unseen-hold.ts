import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { encodeOwnerRecord } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import {
  type LockPaths,
  lockPathRightsOf,
  lockPathsOf,
  type SeatPaths,
  seatPathsOf,
  upgradeName,
} from './lock-paths.js';
import { moveIn } from './move-in.js';
import { discardOwnerFile, prepareFolder, quietly, removed } from './owner-file.js';
import type { LockfileFs } from './system.js';

/** What those who look at the lock meanwhile read. */
const label = 'removing what is left of a lock';

/**
 * A lock held alone for a moment by somebody whose death would be no news.
 *
 * A folder with our owner file in `upgrade` is renamed to `held/NAME`, which goes only while nothing or an empty folder
 * is there. It is what a reader has who wants to be alone, once the last seat is cleared away: nobody sits, as there is
 * no `seats`; nobody opens one or comes as a writer, as both rename to `held/NAME`, in which our file lies; and a
 * downgrade or the end of an upgrade, which put `seats` there otherwise, are those of a holder, who would be in it.
 *
 * A crash leaves: before the rename a folder in `new/`, to be swept; after it a dead reader in `upgrade`, whom the next one
 * puts out and is told nothing of; in the middle of {@link release} empty folders, which are free. So whatever there was
 * to be told to the next holder is there as it was, or as far as the work was done.
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

  /** Takes the lock if nothing at all is in its folder; else nothing of ours is left. */
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
      moved = yield* moveIn(fs, made, this.#paths.held, this.#own);
    } finally {
      if (!moved) {
        yield* discardOwnerFile(fs, inside, this.#own);
        yield* quietly(() => fs.rmdir(made));
        // It may have come true, and the answer was lost.
        yield* this.release();
      }
    }
    return moved;
  }

  /** Gives it back; harmless when we do not have it. */
  *release(): Steps<void> {
    const { upgrade } = this.#seatPaths;
    // Twice, because while it is there and we live, nobody gets the lock.
    try {
      yield* removed(this.#fs, join(upgrade, this.#own));
    } catch {
      yield* removed(this.#fs, join(upgrade, this.#own));
    }
    for (const folder of [upgrade, this.#paths.held]) yield* quietly(() => this.#fs.rmdir(folder));
  }
}
