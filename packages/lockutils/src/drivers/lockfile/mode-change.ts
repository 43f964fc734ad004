import { join } from 'node:path';
import { LockLostError } from '../../errors/lock-errors.js';
import { type Steps, step } from '../../steps.js';
import type { FolderHold } from './folder-hold.js';
import { type LockPaths, lockPathsOf, type SeatPaths, seatPathsOf, seatsName, upgradeName } from './lock-paths.js';
import { discardOwnerFile, moveIn, prepareFolder, prepareOwnerFile } from './owner-file.js';
import type { Seats } from './seats.js';
import { folderRemoved, isCode, type LockfileFs, namesIn, quietly } from './system.js';

// Each round means that others opened, cleared or left between two of our calls.
const maxRounds = 100;

/**
 * Changes one holder between exclusive and shared.
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
export class ModeChange {
  readonly #hold: FolderHold;
  readonly #seats: Seats;
  readonly #fs: LockfileFs;
  readonly #lockFile: string;
  readonly #paths: LockPaths;
  readonly #seatPaths: SeatPaths;

  constructor(hold: FolderHold) {
    this.#hold = hold;
    this.#seats = hold.seats;
    this.#fs = hold.seats.fs;
    this.#lockFile = hold.seats.lockFile;
    this.#paths = lockPathsOf(this.#lockFile);
    this.#seatPaths = seatPathsOf(this.#lockFile);
  }

  /** Changes from exclusive to shared, in one step. */
  *downgrade(): Steps<void> {
    const hold = this.#hold;
    if (hold.place !== this.#paths.held) return;
    const own = this.#seats.newName();
    const made = yield* prepareFolder(this.#fs, this.#lockFile, this.#seats.newName());
    const prepared = join(this.#paths.prepared, own);
    try {
      yield* prepareOwnerFile(this.#fs, this.#lockFile, own, hold.facts);
      yield* step(this.#fs.rename(prepared, join(made, own)));
      if (!(yield* moveIn(this.#fs, made, this.#seatPaths.seats, own))) throw new LockLostError(this.#lockFile);
    } catch (error) {
      if (yield* this.#isCertainlyExclusive()) {
        yield* discardOwnerFile(this.#fs, prepared, own);
        yield* discardOwnerFile(this.#fs, join(made, own), own);
        yield* quietly(() => this.#fs.rmdir(made));
        throw error;
      }
    }
    hold.leftBehind = join(this.#paths.held, hold.own);
    hold.own = own;
    hold.place = join(this.#seatPaths.seats, own);
    try {
      yield* hold.removeLeftBehind();
    } catch {
      // If this fails now, it is done at the release.
    }
  }

  /** Begins to change to exclusive; `false` if another holder has already begun. */
  *beginUpgrade(): Steps<boolean> {
    const hold = this.#hold;
    const { upgrade } = this.#seatPaths;
    if (hold.place === this.#paths.held || hold.place === upgrade) return true;
    yield* hold.removeLeftBehind();
    // A holder that died during its upgrade blocks no other.
    yield* this.#seats.tidy([upgradeName]);
    try {
      if (!(yield* moveIn(this.#fs, hold.place, upgrade, hold.own))) return false;
    } catch (error) {
      throw isCode(error, 'ENOENT') ? new LockLostError(this.#lockFile, error) : error;
    }
    hold.place = upgrade;
    return true;
  }

  /** Whether we now hold the lock exclusively. */
  *attemptUpgrade(): Steps<boolean> {
    const hold = this.#hold;
    if (hold.place === this.#paths.held) return true;
    yield* this.#seats.clearSeats();
    if (!(yield* folderRemoved(this.#fs, this.#seatPaths.seats))) return false;
    try {
      yield* step(this.#fs.rename(join(hold.place, hold.own), join(this.#paths.held, hold.own)));
    } catch (error) {
      if (!(yield* this.#isMovedUp())) throw isCode(error, 'ENOENT') ? new LockLostError(this.#lockFile, error) : error;
    }
    hold.place = this.#paths.held;
    yield* quietly(() => this.#fs.rmdir(this.#seatPaths.upgrade));
    return true;
  }

  /**
   * Takes a seat again, unless we hold the lock exclusively. If the system fails, newcomers stay out until the release.
   */
  *endUpgrade(): Steps<void> {
    const hold = this.#hold;
    if (hold.place !== this.#seatPaths.upgrade) return;
    try {
      // The change had succeeded, only its answer was lost.
      if (yield* this.#isMovedUp()) {
        hold.place = this.#paths.held;
        yield* this.downgrade();
        return;
      }
      for (let round = 0; round < maxRounds && hold.place === this.#seatPaths.upgrade; round += 1) {
        yield* this.#sitAgain();
      }
    } catch {
      // Explained above.
    }
  }

  *#sitAgain(): Steps<void> {
    const hold = this.#hold;
    const seat = join(this.#seatPaths.seats, hold.own);
    try {
      if (yield* moveIn(this.#fs, hold.place, seat, hold.own)) hold.place = seat;
      return;
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ESTALE')) throw error;
    }
    // All others have left and `seats` was removed: we hold the lock exclusively, and no other process can create
    // `seats`.
    const made = yield* prepareFolder(this.#fs, this.#lockFile, this.#seats.newName());
    try {
      yield* step(this.#fs.rename(made, this.#seatPaths.seats));
    } finally {
      yield* quietly(() => this.#fs.rmdir(made));
    }
  }

  *#isMovedUp(): Steps<boolean> {
    return (yield* namesIn(this.#fs, this.#paths.held)).includes(this.#hold.own);
  }

  *#isCertainlyExclusive(): Steps<boolean> {
    try {
      return !(yield* step(this.#fs.readdir(this.#paths.held))).includes(seatsName);
    } catch {
      return false;
    }
  }
}
