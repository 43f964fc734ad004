import { maxOwnerRecordBytes } from '../../owner/owner-record.js';
import type { LockRequest } from '../driver.js';
import { fileError } from '../file-errors.js';
import { type HiddenFiles, openHidden } from './files/hidden-files.js';
import type { OpenFile } from './files/open-file.js';
import { clearMark, type Mark, readMark, readState, writeMark } from './files/owner-mark.js';
import { hiddenPath } from './lock-paths.js';
import type { KernelSystem } from './system.js';

/** Readers beyond this number hold the lock without a record. */
export const maxSharedSeats = 256;

/**
 * The files of the seats: one for permit holders, one for readers.
 *
 * They are separate files because both kinds may hold a lock together. A reader in a permit holder's seat would leave
 * fewer than n seats for the permits. It would also overwrite the mark of a dead permit holder before the death was
 * reported (G19). Each file is used by one kind only, so a seat and its mark pass from one holder to the next of that
 * kind.
 *
 * Readers of a copy from before the first release use `seats`. If such a copy shares the lock path, both problems can
 * still occur. More than n permit holders, or a writer together with another holder, cannot occur: exclusion relies on
 * the lock file and on the bytes that permit holders lock, and these are the same in both.
 */
export const seatKinds = ['seats', 'readers'] as const;

// The seats of readers that this thread has taken, by file. Without this, a reader tries each of them, which costs a crowd
// of readers of one thread a system call for each reader before it. A seat of permits is always tried: there, the kernel
// alone decides, also if the file was replaced. A reader that skips a seat for nothing only loses its record.
const readersHere = new Map<string, Set<number>>();

function noteReader(path: string, seat: number): void {
  const own = readersHere.get(path);
  if (own === undefined) readersHere.set(path, new Set([seat]));
  else own.add(seat);
}

function forgetReader(path: string, seat: number): void {
  const own = readersHere.get(path);
  own?.delete(seat);
  if (own?.size === 0) readersHere.delete(path);
}

/** The place of one of several holders, kept until `leave` or the end of this process. */
export interface Seat {
  readonly previousOwnerDied: boolean;
  /** Whether the name of its file still leads to the file that contains it. */
  isThere(): boolean;
  /** Has no effect when called again. `unused`: no caller learned of a `previousOwnerDied`, so the next holder must. */
  leave(unused?: boolean): void;
}

/**
 * Takes one of the seats of a lock that several may hold: locks byte k of the file of its kind. Record k lies at k KiB.
 *
 * For `permits: n`, the seats are the limit: n bytes, each locked by at most one description and freed by the kernel
 * when its process ends. For readers, a seat is only the place of the record. Seats are taken and left while the lock
 * file is locked, so that an exclusive holder of the lock file may remove both files.
 *
 * @returns `undefined` if all `permits` seats are taken.
 */
export function takeSeat(files: HiddenFiles, request: LockRequest): Seat | undefined {
  const file = openSeats(files, request);
  try {
    const seats = request.permits ?? maxSharedSeats;
    const own = request.permits === undefined ? readersHere.get(file.path) : undefined;
    for (let seat = 0; seat < seats; seat += 1) {
      if (own?.has(seat) === true || !file.tryLock(seat, 1, false)) continue;
      return occupy(files, request, file, seat);
    }
    // A caller that looks which seats are taken locks one shared for a moment, as this one does now. So only a refusal of a
    // shared lock shows a holder. The machine may stop that caller in that moment; a reader needs no seat.
    for (let seat = 0; seat < (request.permits ?? 0); seat += 1) {
      for (let look = 0; look < 64 && file.isFree(seat, 1); look += 1) {
        if (file.tryLock(seat, 1, false)) return occupy(files, request, file, seat);
      }
    }
    files.keep(file);
    return undefined;
  } catch (error) {
    file.close();
    throw fileError(file.path, 'lock', error);
  }
}

// The caller holds the lock file, so no process removes the file that is found here before the caller has left.
function openSeats(files: HiddenFiles, { path, permits }: LockRequest): OpenFile {
  for (;;) {
    const file = files.open(path, permits === undefined ? 'readers' : 'seats');
    try {
      // The seats of permits are part of the lock. Readers only leave their records there.
      if (permits === undefined ? files.isThere(file) : file.isNamed()) return file;
    } catch (error) {
      file.close();
      throw fileError(file.path, 'look at', error);
    }
    file.close();
  }
}

function occupy(files: HiddenFiles, request: LockRequest, file: OpenFile, seat: number): Seat {
  const position = seat * maxOwnerRecordBytes;
  const isReader = request.permits === undefined;
  // A reader changes nothing, so its death is not reported, and nobody needs to know what the last one left.
  const found = isReader ? 'none' : readState(file, position);
  const marked = writeMark(file, position, request, found);
  if (isReader) noteReader(file.path, seat);
  const previousOwnerDied = found === 'left';
  return {
    previousOwnerDied,
    // They lie in a folder of ours, so a removal is what happens to them, and it is seen at once. Another name is seen
    // a moment later.
    isThere: () => files.isThere(file),
    leave(unused = false) {
      if (file.closed) return;
      if (isReader) forgetReader(file.path, seat);
      // If it is not cleared, our record reports the same death to the next holder that the dead holder's record would
      // have reported.
      if (marked && !(unused && previousOwnerDied)) clearMark(file, position);
      try {
        file.unlock(seat, 1);
      } catch {
        // Closing frees the seat.
        file.close();
        return;
      }
      files.keep(file);
    },
  };
}

/** The marks on the seats that are taken now, of permit holders and readers. For messages. */
export function takenSeats(system: KernelSystem, { path }: Pick<LockRequest, 'path'>): Mark[] {
  return seatKinds.flatMap((kind) => takenIn(system, hiddenPath(path, kind)));
}

function takenIn(system: KernelSystem, path: string): Mark[] {
  const size = system.lstatSync(path)?.size;
  if (size === undefined) return [];
  const file = openHidden(system, path);
  try {
    const marks: Mark[] = [];
    for (let seat = 0; seat * maxOwnerRecordBytes < size; seat += 1) {
      const mark = readMark(file, seat * maxOwnerRecordBytes);
      // A look locks the seat for a moment, which disturbs those that try it, so one that was released gets none.
      if (mark.state !== 'released' && !file.isFree(seat, 1)) marks.push(mark);
    }
    return marks;
  } finally {
    file.close();
  }
}
