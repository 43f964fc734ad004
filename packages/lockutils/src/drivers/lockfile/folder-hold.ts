import { dirname, join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { LockLostError } from '../../errors.js';
import { keepMarkerYoung } from '../../lock-path/driver-marker.js';
import { type Steps, step } from '../../steps.js';
import type { LockFolder } from './lock-folder.js';
import { type LockPaths, lockPathsOf, type SeatPaths, seatPathsOf, seatsName, upgradeName } from './lock-paths.js';
import { moveIn } from './move-in.js';
import {
  discardOwnerFile,
  folderRemoved,
  isCode,
  namesIn,
  prepareFolder,
  prepareOwnerFile,
  quietly,
  removed,
} from './owner-file.js';
import { isNumber, type Seats } from './seats.js';

/** The request of {@link FolderHold.take}. */
export interface HoldFacts {
  readonly label: string | undefined;
  readonly permits?: number | undefined;
}

// Each round means that others opened, cleared or left between two of our calls.
const maxRounds = 100;

/**
 * What one holder holds of a lock, from the grant to the release: a seat (see {@link Seats}), or the lock exclusively.
 *
 * *Downgrade*: a folder with an owner file of ours in a seat is renamed to `held/NAME/seats`, which did not exist:
 * after this one call, others can take seats. Only then is the owner file in `held/NAME` removed, so `held/NAME` is
 * never empty for a writer. If the answer is lost and cannot be found out, we hold the lock shared: the owner file that
 * is still there keeps writers out, and a holder that assumes less than it has is safe.
 *
 * *Upgrade*: our seat is renamed to `held/NAME/upgrade`. If two holders try, one succeeds. During everything that
 * follows, a file of ours is in `held/NAME`, so no writer comes. Once the last other holder has left, `seats` can be
 * removed. That it could be removed shows that no holder is in it; and no caller can take a seat or open it again: we
 * hold the lock exclusively. Then the owner file is moved up to the place of a writer's file. If the upgrade is
 * abandoned, the folder becomes a seat again.
 *
 * A crash leaves: during a downgrade, a dead writer's file beside a dead reader's, and each is removed as such; during
 * an upgrade, a dead reader in `upgrade`, which is not reported, or after the last step a dead writer.
 */
export class FolderHold {
  /** Whether an earlier holder ended without releasing. */
  previousOwnerDied = false;
  /**
   * Whether no caller has learned of the hold. Then {@link release} must leave the report of a death to the next
   * holder.
   */
  unused = false;
  readonly #seats: Seats;
  readonly #facts: HoldFacts;
  readonly #paths: LockPaths;
  readonly #seatPaths: SeatPaths;
  // The lock as it was granted, if it has been held exclusively since.
  #folder: LockFolder | undefined;
  #own: string;
  // The folder of the owner file: a seat, `upgrade`, or the folder of the lock itself.
  #place: string;
  // An owner file that should have been removed by a downgrade.
  #leftBehind: string | undefined;
  // The source of a death report: `died/NAME`, or the number of a seat.
  #news: 'lock' | { readonly seat: string } | undefined;
  #mayBeReleased = false;

  /** `folder`: the lock, if it was granted exclusively. */
  constructor(seats: Seats, facts: HoldFacts, folder?: LockFolder) {
    this.#seats = seats;
    this.#facts = facts;
    this.#paths = lockPathsOf(seats.lockFile);
    this.#seatPaths = seatPathsOf(seats.lockFile);
    this.#folder = folder;
    this.#own = folder?.own ?? seats.newName();
    this.#place = this.#paths.held;
  }

  /** Takes a seat if one is available. Otherwise nothing of ours is left. */
  *take(): Steps<boolean> {
    const { permits } = this.#facts;
    const prepared = join(this.#paths.prepared, this.#own);
    let isPrepared = false;
    try {
      for (let round = 0; round < maxRounds; round += 1) {
        if (!(yield* this.#seats.open())) break;
        if (!isPrepared) yield* this.#prepare(this.#own);
        isPrepared = true;
        const found = yield* this.#seats.sit(prepared, this.#own, permits);
        if (found === 'full') break;
        if (found === 'gone') continue;
        this.#place = join(this.#seatPaths.seats, found.seat);
        yield* this.#learn(found.seat);
        return true;
      }
    } catch (error) {
      yield* this.#discard(prepared);
      throw error;
    }
    if (isPrepared) yield* this.#discard(prepared);
    return false;
  }

  /** Changes from exclusive to shared, in one step. */
  *downgrade(): Steps<void> {
    if (this.#place !== this.#paths.held) return;
    const { fs } = this.#seats;
    const own = this.#seats.newName();
    const made = yield* prepareFolder(fs, this.#seats.lockFile, this.#seats.newName());
    try {
      yield* this.#prepare(own);
      yield* step(fs.rename(join(this.#paths.prepared, own), join(made, own)));
      if (!(yield* moveIn(fs, made, this.#seatPaths.seats, own))) throw new LockLostError(this.#seats.lockFile);
    } catch (error) {
      if (yield* this.#isCertainlyAlone()) {
        yield* discardOwnerFile(fs, join(this.#paths.prepared, own), own);
        yield* discardOwnerFile(fs, join(made, own), own);
        yield* quietly(() => fs.rmdir(made));
        throw error;
      }
    }
    this.#leftBehind = join(this.#paths.held, this.#own);
    this.#folder = undefined;
    this.#own = own;
    this.#place = join(this.#seatPaths.seats, own);
    try {
      yield* this.#removeLeftBehind();
    } catch {
      // If this fails now, it is done at the release.
    }
  }

  /** Begins to change to exclusive; `false` if another holder has already begun. */
  *beginUpgrade(): Steps<boolean> {
    const { fs } = this.#seats;
    const { upgrade } = this.#seatPaths;
    if (this.#place === this.#paths.held || this.#place === upgrade) return true;
    yield* this.#removeLeftBehind();
    // A holder that died during its upgrade blocks no other.
    yield* this.#seats.tidy([upgradeName]);
    try {
      if (!(yield* moveIn(fs, this.#place, upgrade, this.#own))) return false;
    } catch (error) {
      throw isCode(error, 'ENOENT') ? this.#lost(error) : error;
    }
    this.#place = upgrade;
    return true;
  }

  /** Whether we now hold the lock exclusively. */
  *attemptUpgrade(): Steps<boolean> {
    const { fs } = this.#seats;
    if (this.#place === this.#paths.held) return true;
    yield* this.#seats.clearSeats();
    if (!(yield* folderRemoved(fs, this.#seatPaths.seats))) return false;
    const file = join(this.#paths.held, this.#own);
    try {
      yield* step(fs.rename(join(this.#place, this.#own), file));
    } catch (error) {
      const names = yield* namesIn(fs, this.#paths.held);
      if (!names.includes(this.#own)) throw isCode(error, 'ENOENT') ? this.#lost(error) : error;
    }
    this.#place = this.#paths.held;
    yield* quietly(() => fs.rmdir(this.#seatPaths.upgrade));
    return true;
  }

  /**
   * Takes a seat again, unless we hold the lock exclusively. If the system fails, newcomers stay out until the release.
   */
  *endUpgrade(): Steps<void> {
    const { fs } = this.#seats;
    if (this.#place !== this.#seatPaths.upgrade) return;
    try {
      // The change had succeeded, only its answer was lost.
      if ((yield* namesIn(fs, this.#paths.held)).includes(this.#own)) {
        this.#place = this.#paths.held;
        yield* this.downgrade();
        return;
      }
      for (let round = 0; round < maxRounds && this.#place === this.#seatPaths.upgrade; round += 1) {
        yield* this.#sitAgain();
      }
    } catch {
      // Explained above.
    }
  }

  /** Releases the lock. @throws LockLostError if our owner file is gone; then nothing is removed. */
  *release(): Steps<void> {
    const { fs } = this.#seats;
    if (this.#folder !== undefined) {
      this.#folder.unused = this.unused;
      return yield* this.#folder.release();
    }
    // First, so that we hold the lock at least shared while this file exists.
    yield* this.#removeLeftBehind();
    const file = join(this.#place, this.#own);
    try {
      if (this.unused && this.#news !== undefined) yield* this.#passOn(file, this.#news);
      else yield* step(fs.unlink(file));
    } catch (error) {
      const gone = isCode(error, 'ENOENT');
      this.#mayBeReleased ||= !gone;
      if (!gone) throw error;
      // After a call that failed, a missing file was removed by that call: only its answer was lost.
      if (!this.#mayBeReleased) throw this.#lost(error);
    }
    yield* this.#removeEmpty();
  }

  /**
   * Whether our owner file exists. If the system reports an error, nothing is known, and the answer is yes. `keepYoung`
   * also sets the times of the file and of the driver marker, so that no cleaner takes them for leftovers.
   */
  *refresh(keepYoung: boolean): Steps<boolean> {
    const { fs, lockFile } = this.#seats;
    try {
      if (!(yield* namesIn(fs, this.#place)).includes(this.#own)) return false;
    } catch {
      return true;
    }
    if (keepYoung) {
      const now = realTime.date() / 1000;
      yield* quietly(() => fs.utimes?.(join(this.#place, this.#own), now, now));
      keepMarkerYoung(dirname(lockFile));
    }
    return true;
  }

  *#prepare(own: string): Steps<void> {
    yield* prepareOwnerFile(this.#seats.fs, this.#seats.lockFile, own, this.#facts);
  }

  *#learn(seat: string): Steps<void> {
    const { fs } = this.#seats;
    // Only one of the holders that take seats after a dead writer removes this file. The report of the seat then stays
    // for the next holder of that seat: if we gave up, we could pass on only one of the two.
    if (yield* removed(fs, this.#paths.died)) this.#news = 'lock';
    else if (isNumber(seat) && (yield* removed(fs, join(this.#seatPaths.died, seat)))) {
      this.#news = { seat };
      yield* quietly(() => fs.rmdir(this.#seatPaths.died));
    }
    this.previousOwnerDied = this.#news !== undefined;
  }

  // As if we had died like the holder before us: the next holder learns of that.
  *#passOn(file: string, news: 'lock' | { readonly seat: string }): Steps<void> {
    const { fs } = this.#seats;
    if (news === 'lock') return yield* step(fs.rename(file, this.#paths.died));
    yield* this.#seats.tellOfSeat(file, news.seat);
    // The folder for the report could not be created: a lost report is better than a seat that is never freed.
    yield* removed(fs, file);
  }

  *#sitAgain(): Steps<void> {
    const { fs } = this.#seats;
    const seat = join(this.#seatPaths.seats, this.#own);
    try {
      if (yield* moveIn(fs, this.#place, seat, this.#own)) this.#place = seat;
      return;
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ESTALE')) throw error;
    }
    // All others have left and `seats` was removed: we hold the lock exclusively, and no other process can create
    // `seats`.
    const made = yield* prepareFolder(fs, this.#seats.lockFile, this.#seats.newName());
    try {
      yield* step(fs.rename(made, this.#seatPaths.seats));
    } finally {
      yield* quietly(() => fs.rmdir(made));
    }
  }

  *#removeLeftBehind(): Steps<void> {
    if (this.#leftBehind === undefined) return;
    yield* removed(this.#seats.fs, this.#leftBehind);
    this.#leftBehind = undefined;
  }

  *#removeEmpty(): Steps<void> {
    const { fs } = this.#seats;
    const { seats, upgrade } = this.#seatPaths;
    const { held } = this.#paths;
    for (const folder of this.#place === held ? [upgrade, held] : [this.#place, seats, held]) {
      yield* quietly(() => fs.rmdir(folder));
    }
  }

  *#isCertainlyAlone(): Steps<boolean> {
    try {
      return !(yield* step(this.#seats.fs.readdir(this.#paths.held))).includes(seatsName);
    } catch {
      return false;
    }
  }

  // Leaves nothing of ours behind: every file here belongs only to us.
  *#discard(prepared: string): Steps<void> {
    const { fs } = this.#seats;
    yield* discardOwnerFile(fs, prepared, this.#own);
    if (this.#place === this.#paths.held) return;
    yield* quietly(() => fs.unlink(join(this.#place, this.#own)));
    yield* this.#removeEmpty();
  }

  #lost(error: unknown): LockLostError {
    return new LockLostError(this.#seats.lockFile, error);
  }
}
