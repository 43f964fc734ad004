import { maxOwnerRecordBytes } from '../../owner/owner-record.js';
import type { LockRequest } from '../driver.js';
import { explained } from './lock-file.js';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { OpenFile } from './open-file.js';
import { clearMark, type Mark, readMark, writeMark } from './owner-mark.js';
import type { KernelSystem } from './system.js';

/** More readers than this hold without a record of theirs. */
export const maxSharedSeats = 256;

/**
 * Where permit holders sit, and where readers do.
 *
 * Not in one file: the two may hold a lock together, and a reader in a permit holder's seat would leave fewer than n for
 * the permits, and write over the mark of a dead permit holder whom nobody was told of (G19). Each file is used by
 * those of one kind alone, so a seat and what it says are passed on among them.
 *
 * Readers of a copy from before the first release sit in `seats`. Where such a one shares the lock path, both of that can
 * still happen; more than n, or a writer beside anybody, cannot, as exclusion rests on the lock file and on the bytes
 * that permit holders lock, and these are the same in both.
 */
export const seatKinds = ['seats', 'readers'] as const;

/** A place of one of several holders, kept until `leave` or the end of this process. */
export interface Seat {
  readonly previousOwnerDied: boolean;
  /** Whether the name of its file still leads to the file it is in. */
  isNamed(): boolean;
  /** Harmless when called again. `unused`: nobody learned of a `previousOwnerDied`, so the next one must. */
  leave(unused?: boolean): void;
}

/**
 * Takes one of the seats of a lock that several may hold: byte k of the file of its kind is locked, record k lies at
 * k KiB.
 *
 * For `permits: n` the seats are the bound: n bytes, each locked by at most one description, freed by the kernel when
 * its process ends. For readers they are only where the record lies. Seats are taken and left while the lock file is
 * locked, so that whoever holds that alone may remove both files.
 *
 * @returns `undefined` when all `permits` seats are taken.
 */
export function takeSeat(system: KernelSystem, request: LockRequest): Seat | undefined {
  const path = hiddenPath(request.path, request.permits === undefined ? 'readers' : 'seats');
  const file = openHidden(system, path);
  try {
    const seats = request.permits ?? maxSharedSeats;
    for (let seat = 0; seat < seats; seat += 1) {
      if (file.tryLock(seat, 1, false)) return occupy(request, file, seat * maxOwnerRecordBytes);
    }
    file.close();
    return undefined;
  } catch (error) {
    file.close();
    throw explained(system, path, 'lock', error);
  }
}

function occupy(request: LockRequest, file: OpenFile, position: number): Seat {
  const mark = readMark(file, position);
  const marked = writeMark(file, position, request, mark.state);
  // A reader changes nothing, so its death is no news.
  const previousOwnerDied = request.permits !== undefined && mark.state === 'left';
  return {
    previousOwnerDied,
    isNamed: () => file.isNamed(),
    leave(unused = false) {
      // Left as it is, our record says to the next what the dead holder's would have said.
      if (marked && !(unused && previousOwnerDied)) clearMark(file, position);
      file.close();
    },
  };
}

/** The marks on the seats that are taken now, of permit holders and readers. For messages. */
export function takenSeats(system: KernelSystem, request: LockRequest): Mark[] {
  return seatKinds.flatMap((kind) => takenIn(system, hiddenPath(request.path, kind)));
}

function takenIn(system: KernelSystem, path: string): Mark[] {
  const size = system.lstatSync(path)?.size;
  if (size === undefined) return [];
  const file = openHidden(system, path);
  try {
    const marks: Mark[] = [];
    for (let seat = 0; seat * maxOwnerRecordBytes < size; seat += 1) {
      const free = file.tryLock(seat, 1, true);
      if (free) file.unlock(seat, 1);
      else marks.push(readMark(file, seat * maxOwnerRecordBytes));
    }
    return marks;
  } finally {
    file.close();
  }
}
