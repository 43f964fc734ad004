import { basename, dirname, join } from 'node:path';
import { newIdentityName } from '../../owner/identity-name.js';
import { type Steps, step } from '../../steps.js';
import {
  type LockPaths,
  lockPathRightsOf,
  lockPathsOf,
  type SeatPaths,
  seatPathsOf,
  seatsName,
  upgradeName,
} from './lock-paths.js';
import { moveIn } from './move-in.js';
import { isCode, isOfDead, makeMeetingFolder, namesIn, prepareFolder, quietly } from './owner-file.js';
import type { LockfileFs } from './system.js';

// Each means that others removed a folder between two of our calls.
const maxRounds = 100;

/**
 * The lock as several have it: readers, or holders of permits.
 *
 * Its folder `held/NAME` has the folder `seats` in it then, and in that a folder for each holder, with its owner file: the
 * *seat*. A reader's seat has the name of its owner file, a permit holder's a number from 0 to n-1. So the lock is
 * *free* while no owner file is anywhere in `held/NAME`, however many empty folders are; held *alone* while one lies in
 * `held/NAME` itself and there is no `seats` beside it; held *together* while there is `seats` and somebody in it.
 * Each change of that is one call, which the file system does wholly or not at all, whatever was looked up before:
 *
 * 1. *open*: a folder with an empty `seats` in it is renamed to `held/NAME`, which goes only while nothing or an empty
 *    folder is there. The lock is as free as before; whoever is quicker, reader or writer, gets it.
 * 2. *sit*: the folder with one's owner file is renamed to `seats/SEAT`. That goes only while there is `seats`, so not
 *    while somebody holds alone; and only if that seat is absent or empty, so there is one in a seat, and with n seats
 *    there are at most n. `seats` is never moved out of `held/NAME`, only removed: who was on the way into it finds nothing
 *    (a removed folder takes no entries, ENOENT or ESTALE) and looks again.
 * 3. *clear*: empty folders are removed by rmdir(2), which fails if somebody has sat down. Anybody may, at any time.
 * 4. *alone*: a writer comes by the rename of `LockFolder`, which fails while anything is in `held/NAME`. So it cannot
 *    come before the last seat is left and `seats` cleared; and once it is in, 1 and 2 fail for everybody.
 * 5. *leave*: one's own owner file is removed, by its name. What is left is empty, or others'.
 * 6. *break*: the file of one who was judged dead is moved away by its name, which never comes again: of many who break,
 *    one does, and nobody else is hit. A permit holder's goes to `died-seats/NAME/SEAT`; who takes that seat next removes
 *    it while sitting there alone, and so is told, once. A reader changes nothing, so its death is no news.
 *
 * A crash leaves: before a rename a folder in `new/`, to be swept; after it an owner file of somebody dead, see 6; in
 * the middle of leaving or opening empty folders, which are free. One that is stopped keeps what it has, and is in
 * nobody's way otherwise: no step needs a step of another one first. `FolderHold` argues for downgrade and upgrade.
 */
export class Seats {
  readonly fs: LockfileFs;
  readonly lockFile: string;
  readonly #paths: LockPaths;
  readonly #seatPaths: SeatPaths;
  readonly #isDead: (name: string) => boolean;
  readonly #newName: () => string;

  /** `isDead` and `newName` are for tests of the protocol. */
  constructor(fs: LockfileFs, lockFile: string, isDead = isOfDead, newName = newIdentityName as () => string) {
    this.fs = fs;
    this.lockFile = lockFile;
    this.#paths = lockPathsOf(lockFile);
    this.#seatPaths = seatPathsOf(lockFile);
    this.#isDead = isDead;
    this.#newName = newName;
  }

  /** A name for an owner file, or for a folder to be made in `new/`. */
  newName(): string {
    return this.#newName();
  }

  /**
   * Sees to it that there is `seats`, if nobody holds alone and nobody waits to (for whom newcomers stay out, so that it
   * comes to its turn; that it is alone is decided otherwise). Puts out the dead who are in the way.
   */
  *open(): Steps<boolean> {
    const names = yield* namesIn(this.fs, this.#paths.held);
    if (names.includes(upgradeName) && !(yield* this.#clearUpgrade())) return false;
    if (names.includes(seatsName)) return true;
    for (const name of names) {
      if (name === upgradeName) continue;
      if (!this.#isDead(name)) return false;
      yield* this.#moveAway(join(this.#paths.held, name), this.#paths.died);
    }
    const made = this.newName();
    const folder = yield* prepareFolder(this.fs, this.lockFile, made);
    const inside = join(folder, seatsName);
    let moved = false;
    try {
      yield* step(this.fs.mkdir(inside, lockPathRightsOf(this.lockFile)));
      // Whether somebody was quicker, and with what, sitting down tells.
      moved = yield* moveIn(this.fs, folder, this.#paths.held, made);
    } finally {
      if (!moved) {
        yield* quietly(() => this.fs.rmdir(inside));
        yield* quietly(() => this.fs.rmdir(folder));
      }
    }
    return true;
  }

  /**
   * Moves the folder `prepared`, with the owner file `own` in it, to a seat: the reader's own, or one of `permits`.
   * Resolves to the name of the seat, to `full`, or to `gone` when there is no `seats` any more.
   */
  *sit(prepared: string, own: string, permits: number | undefined): Steps<{ seat: string } | 'full' | 'gone'> {
    try {
      if (permits === undefined) return (yield* this.#sitIn(own, prepared, own)) ? { seat: own } : 'gone';
      const taken = new Set(yield* namesIn(this.fs, this.#seatPaths.seats));
      for (let number = 0; number < permits; number += 1) {
        const seat = String(number);
        if (taken.has(seat) && !(yield* this.#clearSeat(seat))) continue;
        if (yield* this.#sitIn(seat, prepared, own)) return { seat };
      }
      return 'full';
    } catch (error) {
      if (isCode(error, 'ENOENT', 'ESTALE')) return 'gone';
      throw error;
    }
  }

  *#sitIn(seat: string, prepared: string, own: string): Steps<boolean> {
    const folder = join(this.#seatPaths.seats, seat);
    try {
      return yield* moveIn(this.fs, prepared, folder, own);
    } catch (error) {
      // It may have come true all the same.
      yield* quietly(() => this.fs.unlink(join(folder, own)));
      throw error;
    }
  }

  /**
   * Puts out the dead and removes empty folders behind those of `names`, found in the folder of the lock, that are not
   * owner files; whether there are such.
   */
  *tidy(names: readonly string[]): Steps<boolean> {
    const [together, upgrading] = [names.includes(seatsName), names.includes(upgradeName)];
    if (together) yield* this.clearSeats();
    if (upgrading) yield* this.#clearUpgrade();
    return together || upgrading;
  }

  /** Puts out the dead in all seats and removes what is empty then. */
  *clearSeats(): Steps<void> {
    const { seats } = this.#seatPaths;
    let cleared = true;
    for (const seat of yield* namesIn(this.fs, seats)) cleared = (yield* this.#clearSeat(seat)) && cleared;
    if (cleared) yield* quietly(() => this.fs.rmdir(seats));
  }

  // As far as all in it are dead; `false` when somebody else is.
  *#clearSeat(seat: string): Steps<boolean> {
    const folder = join(this.#seatPaths.seats, seat);
    for (const name of yield* namesIn(this.fs, folder)) {
      if (!this.#isDead(name)) return false;
      if (isNumber(seat)) yield* this.tellOfSeat(join(folder, name), seat);
      else yield* quietly(() => this.fs.unlink(join(folder, name)));
    }
    yield* quietly(() => this.fs.rmdir(folder));
    return true;
  }

  *#clearUpgrade(): Steps<boolean> {
    const folder = this.#seatPaths.upgrade;
    for (const name of yield* namesIn(this.fs, folder)) {
      if (!this.#isDead(name)) return false;
      // It was a reader still.
      yield* quietly(() => this.fs.unlink(join(folder, name)));
    }
    yield* quietly(() => this.fs.rmdir(folder));
    return true;
  }

  /**
   * Leaves an owner file to be found by who takes that seat next. Anybody may remove the folder for it while it is empty,
   * also between our making it and the rename; so a rename that finds nothing is the end only when the file is gone.
   */
  *tellOfSeat(file: string, seat: string): Steps<void> {
    const folder = this.#seatPaths.died;
    for (let round = 0; round < maxRounds; round += 1) {
      if (yield* this.#moveAway(file, join(folder, seat))) return;
      // Another one has put it out.
      if (!(yield* namesIn(this.fs, dirname(file))).includes(basename(file))) break;
      yield* makeMeetingFolder(this.fs, this.lockFile, this.newName(), folder);
    }
    yield* quietly(() => this.fs.rmdir(folder));
  }

  *#moveAway(file: string, to: string): Steps<boolean> {
    try {
      yield* step(this.fs.rename(file, to));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOENT')) return false;
      throw error;
    }
  }
}

/** Whether a seat is one of a permit holder. */
export function isNumber(seat: string): boolean {
  return /^\d{1,15}$/.test(seat);
}
