import { join } from 'node:path';
import { newIdentityName } from '../../owner/identity-name.js';
import { type Steps, step } from '../../steps.js';
import {
  isNumber,
  type LockPaths,
  lockPathRightsOf,
  lockPathsOf,
  renamed,
  type SeatPaths,
  seatPathsOf,
  seatsName,
  upgradeName,
} from './lock-paths.js';
import { reportSeat } from './news.js';
import { isOfDead, moveIn, prepareFolder } from './owner-file.js';
import { isCode, type LockfileFs, namesIn, quietly } from './system.js';

/**
 * The lock as several share it: readers, or permit holders.
 *
 * Its folder `held/NAME` then contains the folder `seats`, and `seats` contains a folder for each holder, with its
 * owner file: the *seat*. A reader's seat is named after its owner file, a permit holder's is a number from 0 to n-1.
 * So the lock is *free* while there is no owner file anywhere in `held/NAME`, however many empty folders there are. It
 * is held *exclusively* while an owner file lies in `held/NAME` itself and there is no `seats` beside it. It is
 * *shared* while `seats` exists and contains an owner file. Each change is one call, which the file system executes
 * completely or not at all, whatever was looked up before:
 *
 * 1. *Open*: a folder with an empty `seats` in it is renamed to `held/NAME`, which succeeds only while that is missing
 *   or an empty folder. The lock is as free as before; the first reader or writer to come acquires it.
 * 2. *Sit*: the folder with the holder's owner file is renamed to `seats/SEAT`. That succeeds only while `seats`
 *   exists, so not while there is an exclusive holder; and only if that seat is missing or empty, so a seat has one
 *   holder, and n seats have at most n. `seats` is never moved out of `held/NAME`, only removed: a process on its way
 *   into it finds nothing (a removed folder accepts no entries, ENOENT or ESTALE) and tries again.
 * 3. *Clear*: empty folders are removed by rmdir(2), which fails if a holder has taken the seat. Any process may do
 *   this at any time.
 * 4. *Exclusive*: a writer comes by the rename of `LockFolder`, which fails while anything is in `held/NAME`. So it
 *   cannot come before the last seat is left and `seats` is cleared. Once it holds the lock, 1 and 2 fail for every
 *   process.
 * 5. *Leave*: a holder removes its own owner file, by its name. What is left is empty, or belongs to others.
 * 6. *Break*: the file of an owner judged dead is moved away by its name, which is never used again: of several
 *   processes that do this, one succeeds, and no other owner is affected. A permit holder's file goes to
 *   `died-seats/NAME/SEAT`; the next holder of that seat removes it while it alone has the seat, and so receives the
 *   report, once. A reader changes nothing, so its death is not reported.
 *
 * A crash leaves: before a rename, a folder in `new/`, to be removed later; after it, an owner file of a dead owner,
 * see 6; in the middle of leaving or opening, empty folders, which are free. A stopped process keeps what it holds, and
 * blocks no other process in any other way: no step depends on a step of another process. `ModeChange` explains
 * downgrade and upgrade.
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

  /** A name for an owner file, or for a folder to be created in `new/`. */
  newName(): string {
    return this.#newName();
  }

  /**
   * Makes sure that `seats` exists, unless there is an exclusive holder or a holder waits to become one. Newcomers stay
   * out for a holder that waits, so that its turn comes; other steps decide whether it is exclusive. Removes dead
   * owners that are in the way.
   */
  *open(): Steps<boolean> {
    const { held, died, remake } = this.#paths;
    const names = yield* namesIn(this.fs, held);
    if (names.includes(upgradeName) && !(yield* this.#clearUpgrade())) return false;
    if (names.includes(seatsName)) return true;
    for (const name of names) {
      if (name === upgradeName) continue;
      if (!this.#isDead(name)) return false;
      yield* renamed(this.fs, remake, join(held, name), died);
    }
    const made = this.newName();
    const folder = yield* prepareFolder(this.fs, this.lockFile, made);
    const inside = join(folder, seatsName);
    let moved = false;
    try {
      yield* step(this.fs.mkdir(inside, lockPathRightsOf(this.lockFile)));
      // Taking the seat shows whether another process came first, and with what.
      moved = yield* moveIn(this.fs, folder, held, made, remake);
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
   * Resolves to the name of the seat, to `full`, or to `gone` if `seats` no longer exists.
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
      // It may have succeeded nevertheless.
      yield* quietly(() => this.fs.unlink(join(folder, own)));
      throw error;
    }
  }

  /**
   * Removes dead owners and empty folders from those of `names`, found in the folder of the lock, that are not owner
   * files. Returns whether there are any.
   */
  *tidy(names: readonly string[]): Steps<boolean> {
    const [together, upgrading] = [names.includes(seatsName), names.includes(upgradeName)];
    if (together) yield* this.clearSeats();
    if (upgrading) yield* this.#clearUpgrade();
    return together || upgrading;
  }

  /** Removes the dead owners in all seats, then the empty folders. */
  *clearSeats(): Steps<void> {
    const { seats } = this.#seatPaths;
    let cleared = true;
    for (const seat of yield* namesIn(this.fs, seats)) cleared = (yield* this.#clearSeat(seat)) && cleared;
    if (cleared) yield* quietly(() => this.fs.rmdir(seats));
  }

  // As far as all owners in it are dead; `false` if there is another one.
  *#clearSeat(seat: string): Steps<boolean> {
    const folder = join(this.#seatPaths.seats, seat);
    for (const name of yield* namesIn(this.fs, folder)) {
      if (!this.#isDead(name)) return false;
      if (isNumber(seat)) yield* reportSeat(this, join(folder, name), seat);
      else yield* quietly(() => this.fs.unlink(join(folder, name)));
    }
    yield* quietly(() => this.fs.rmdir(folder));
    return true;
  }

  *#clearUpgrade(): Steps<boolean> {
    const folder = this.#seatPaths.upgrade;
    for (const name of yield* namesIn(this.fs, folder)) {
      if (!this.#isDead(name)) return false;
      // It was still a reader.
      yield* quietly(() => this.fs.unlink(join(folder, name)));
    }
    yield* quietly(() => this.fs.rmdir(folder));
    return true;
  }
}
