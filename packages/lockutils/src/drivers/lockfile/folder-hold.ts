import { dirname, join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { LockLostError } from '../../errors/lock-errors.js';
import { keepMarkerYoung } from '../../lock-path/driver-marker.js';
import { type Steps, step } from '../../steps.js';
import type { Grant } from '../driver.js';
import type { LockFolder } from './lock-folder.js';
import { type LockPaths, lockPathsOf, type SeatPaths, seatPathsOf } from './lock-paths.js';
import { type Learned, learn, passOn } from './news.js';
import { discardOwnerFile, prepareOwnerFile } from './owner-file.js';
import type { Seats } from './seats.js';
import { isCode, namesIn, quietly, removed } from './system.js';

/** The request of a {@link FolderHold}. */
export interface HoldFacts {
  readonly label: string | undefined;
  readonly permits?: number | undefined;
}

// Each round means that others opened, cleared or left between two of our calls.
const maxRounds = 100;

/**
 * What one holder holds of a lock, from the grant to the release: a seat (see {@link Seats}), or the lock exclusively
 * (see {@link LockFolder}). `ModeChange` changes one into the other.
 */
export class FolderHold {
  readonly seats: Seats;
  readonly facts: HoldFacts;
  /** The name of the owner file. */
  own: string;
  /** The folder of the owner file: a seat, `upgrade`, or the folder of the lock itself. */
  place: string;
  /** An owner file that should have been removed by a downgrade. */
  leftBehind: string | undefined;
  /**
   * How {@link release} was asked for. If no caller has learned of the hold, it must leave the report of a death to the
   * next holder.
   */
  asked: Parameters<Grant['release']>[0] = {};
  readonly #paths: LockPaths;
  readonly #seatPaths: SeatPaths;
  #learned: Learned | undefined;
  #mayBeReleased = false;

  /** `exclusive`: the lock, if it was granted exclusively. Otherwise {@link take} makes this a hold. */
  constructor(seats: Seats, facts: HoldFacts, exclusive?: Pick<LockFolder, 'own' | 'previousOwnerDied'>) {
    this.seats = seats;
    this.facts = facts;
    this.#paths = lockPathsOf(seats.lockFile);
    this.#seatPaths = seatPathsOf(seats.lockFile);
    this.own = exclusive?.own ?? seats.newName();
    this.place = this.#paths.held;
    this.#learned = exclusive?.previousOwnerDied === true ? 'lock' : undefined;
  }

  /** Whether an earlier holder ended without releasing. */
  get previousOwnerDied(): boolean {
    return this.#learned !== undefined;
  }

  /** Takes a seat if one is available. Otherwise nothing of ours is left. */
  *take(): Steps<boolean> {
    const { fs, lockFile } = this.seats;
    const prepared = join(this.#paths.prepared, this.own);
    let isPrepared = false;
    try {
      for (let round = 0; round < maxRounds; round += 1) {
        if (!(yield* this.seats.open())) break;
        if (!isPrepared) yield* prepareOwnerFile(fs, lockFile, this.own, this.facts);
        isPrepared = true;
        const found = yield* this.seats.sit(prepared, this.own, this.facts.permits);
        if (found === 'full') break;
        if (found === 'gone') continue;
        this.place = join(this.#seatPaths.seats, found.seat);
        this.#learned = yield* learn(fs, lockFile, found.seat);
        return true;
      }
    } catch (error) {
      yield* this.#discard(prepared);
      throw error;
    }
    if (isPrepared) yield* this.#discard(prepared);
    return false;
  }

  /** Releases the lock. @throws LockLostError if our owner file is gone; then nothing is removed. */
  *release(): Steps<void> {
    // First, so that we hold the lock at least shared while this file exists.
    yield* this.removeLeftBehind();
    const file = join(this.place, this.own);
    try {
      if (this.asked?.unused && this.#learned !== undefined) yield* passOn(this.seats, file, this.#learned);
      else yield* step(this.seats.fs.unlink(file));
    } catch (error) {
      const gone = isCode(error, 'ENOENT');
      this.#mayBeReleased ||= !gone;
      if (!gone) throw error;
      // After a call that failed, a missing file was removed by that call: only its answer was lost.
      if (!this.#mayBeReleased) throw new LockLostError(this.seats.lockFile, error);
    }
    yield* this.#removeEmpty();
  }

  /**
   * Whether our owner file exists. If the system reports an error, nothing is known, and the answer is yes. `keepYoung`
   * also sets the times of the file and of the driver marker, so that no cleaner takes them for leftovers.
   */
  *refresh(keepYoung: boolean): Steps<boolean> {
    const { fs, lockFile } = this.seats;
    try {
      if (!(yield* namesIn(fs, this.place)).includes(this.own)) return false;
    } catch {
      return true;
    }
    if (keepYoung) {
      const now = realTime.date() / 1000;
      yield* quietly(() => fs.utimes?.(join(this.place, this.own), now, now));
      keepMarkerYoung(dirname(lockFile));
    }
    return true;
  }

  /** Removes the owner file that a downgrade has left, if there is one. */
  *removeLeftBehind(): Steps<void> {
    if (this.leftBehind === undefined) return;
    yield* removed(this.seats.fs, this.leftBehind);
    this.leftBehind = undefined;
  }

  // The folders that may be empty now. If one cannot be removed, that usually means there is a successor.
  *#removeEmpty(): Steps<void> {
    const { fs } = this.seats;
    const { seats, upgrade } = this.#seatPaths;
    const { held } = this.#paths;
    // A holder that was exclusive from the start has nothing but its file in the folder.
    if (this.place === held && (yield* quietly(() => fs.rmdir(held)))) return;
    for (const folder of this.place === held ? [upgrade, held] : [this.place, seats, held]) {
      yield* quietly(() => fs.rmdir(folder));
    }
  }

  // Leaves nothing of ours behind: every file here belongs only to us.
  *#discard(prepared: string): Steps<void> {
    const { fs } = this.seats;
    yield* discardOwnerFile(fs, prepared, this.own);
    if (this.place === this.#paths.held) return;
    yield* quietly(() => fs.unlink(join(this.place, this.own)));
    yield* this.#removeEmpty();
  }
}
