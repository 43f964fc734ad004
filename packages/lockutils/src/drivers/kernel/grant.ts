import { LockLostError, UpgradeConflictError } from '../../errors/lock-errors.js';
import type { Grant, LockRequest, Place, Upgrade } from '../driver.js';
import { fileError } from '../file-errors.js';
import { beginUpgrade } from './begin-upgrade.js';
import { keepLockYoung } from './care/keep-young.js';
import { tryToRemoveLockFiles } from './care/removal.js';
import type { DriverFiles } from './files/driver-files.js';
import { type HiddenFiles, openHidden } from './files/hidden-files.js';
import { sliceOf, wakeFirst } from './files/lock-files.js';
import type { OpenFile } from './files/open-file.js';
import { clearMark, hasMark, readState, restoreMark, writeMark } from './files/owner-mark.js';
import { hasPlaceForWish, type LockFileState, readLockFile } from './files/wish.js';
import { hiddenPath } from './lock-paths.js';
import { learnOfWriter } from './news.js';
import { type Seat, takeSeat } from './seats.js';
import { QueuePlace } from './turns/place.js';
import { giveHint } from './wake-files.js';

/**
 * Turns a locked descriptor into a grant: writes the record, and takes the seat of a reader or permit holder.
 *
 * @returns `undefined` if no seat is left, or if a newcomer has to let the first waiter go before it. The file is
 *   released then. The caller closes it if this throws.
 */
export function kernelGrant(
  files: DriverFiles,
  request: LockRequest,
  file: OpenFile,
  by?: Place | 'newcomer',
): Grant | undefined {
  const { hidden, locks } = files;
  const slice = sliceOf(file);
  // The record in such a file is of the call of this thread that has passed it on. It reports no death.
  const isPassedOn = file.record !== undefined;
  // Only this thread can have written to a file that it kept locked, and a wish can wait until the slice is over.
  const continues = isPassedOn && !(by instanceof QueuePlace) && !slice.isOver;
  const { found, wish } = continues ? passedOn : readLockFile(file);
  if (by === 'newcomer' && wish !== undefined && slice.isOver) {
    // The first waiter may have been refused because of this very try, so it is woken.
    slice.giveWay();
    if (isPassedOn) clearMark(file, 0);
    locks.release(file);
    giveHint(hidden.system, request.path, wish.wakeFile);
    return undefined;
  }
  const hasWishes = hasPlaceForWish(found);
  if (!request.shared && request.permits === undefined) {
    if (!continues && (wish === undefined || by instanceof QueuePlace)) slice.begin(file.lockedAt);
    else slice.keep();
    const marked = (isPassedOn && found === 'left' && hasMark(file, request)) || writeMark(file, 0, request, found);
    // Without a mark, a wish may have no room: then the place is kept, and the release wakes the next waiter.
    if (marked && by instanceof QueuePlace) by.passOn(file, wish?.ticket);
    const state = { alone: true, marked, writerDied: found === 'left' && !isPassedOn, hasWishes };
    return new KernelGrant(files, request, file, state);
  }
  const seat = request.permits === undefined ? seatForReader(hidden, request) : takeSeat(hidden, request);
  if (seat === undefined && request.permits !== undefined) {
    locks.release(file);
    return undefined;
  }
  if (by instanceof QueuePlace) by.admitted(file, wish?.ticket);
  const writerDied = found === 'left' && learnOfWriter(hidden, request, file);
  const state = { alone: false, marked: false, writerDied, hasWishes, seat };
  const grant = new KernelGrant(files, request, file, state);
  if (request.permits === undefined) return grant;
  // A lock with permits cannot become exclusive or a reader's.
  return {
    previousOwnerDied: grant.previousOwnerDied,
    release: (options) => grant.release(options),
    refresh: (keepYoung) => grant.refresh(keepYoung),
  };
}

// What a file says that another call of this thread has passed on.
const passedOn: LockFileState = { found: 'left', wish: undefined };

/** The initial state of a {@link KernelGrant}. */
interface FirstState {
  readonly alone: boolean;
  readonly marked: boolean;
  readonly writerDied: boolean;
  /** Whether the lock file has a place for a wish. */
  readonly hasWishes: boolean;
  readonly seat?: Seat | undefined;
}

/**
 * A lock that is held on one open file. This object owns the file until the release, which closes it for this object.
 * After that, no method does anything: a late call, such as the downgrade at the end of an upgrade that was under way,
 * must not touch a file that another owner has by then.
 */
class KernelGrant implements Grant {
  readonly previousOwnerDied: boolean;
  readonly #files: DriverFiles;
  readonly #request: LockRequest;
  readonly #file: OpenFile;
  // The death that our record or the cleared mark stands for.
  readonly #writerDied: boolean;
  /** Whether the file is locked exclusively. */
  #alone: boolean;
  /** Whether the record in the file has to be cleared: our own, or a dead owner's whose death was reported. */
  #marked: boolean;
  readonly #hasWishes: boolean;
  #seat: Seat | undefined;
  /** The queue file with the upgrade byte, while an upgrade is under way. */
  #upgrading: OpenFile | undefined;

  constructor(
    files: DriverFiles,
    request: LockRequest,
    file: OpenFile,
    { alone, marked, writerDied, hasWishes, seat }: FirstState,
  ) {
    this.#files = files;
    this.#request = request;
    this.#file = file;
    this.#alone = alone;
    this.#marked = marked;
    this.#writerDied = writerDied;
    this.#hasWishes = hasWishes;
    this.#seat = seat;
    this.previousOwnerDied = writerDied || seat?.previousOwnerDied === true;
  }

  release({ remove = false, unused = false, next = false }: Parameters<Grant['release']>[0] = {}): void {
    const file = this.#file;
    if (file.closed) return;
    const mayPass = next && this.#alone && !remove && !unused;
    const lost = !this.#isThere();
    this.#upgrading?.close();
    if (mayPass && !lost && this.#files.locks.passOn(file)) return;
    try {
      // The mark that we leave reports the same death to the next holder as the dead owner's record.
      if (unused && this.#writerDied) restoreMark(file, 0);
      else if (this.#marked) clearMark(file, 0);
      this.#seat?.leave(unused);
      // Only if we hold it exclusively: a shared holder would otherwise hold a lock on a file that is no longer the
      // lock. If the lock was lost, nothing is removed: see `tryToRemoveLockFiles`.
      if (remove && this.#alone) tryToRemoveLockFiles(this.#files.hidden.system, file.path, file);
    } finally {
      this.#files.locks.release(file, this.#hasWishes ? this.#alone : undefined);
    }
    if (lost) throw new LockLostError(this.#request.path);
  }

  downgrade(): void {
    const file = this.#file;
    if (file.closed || !this.#alone) return;
    // Cleared while we hold it exclusively: else it would report a dead holder to each reader that is admitted.
    if (this.#marked) clearMark(file, 0);
    this.#marked = false;
    // One fcntl on a range that this description holds: there is no moment at which it holds nothing.
    this.#lock(true);
    this.#alone = false;
    this.#seat ??= seatForReader(this.#files.hidden, { ...this.#request, shared: true });
    // Only a reader can be admitted now. A writer is woken for nothing.
    if (this.#hasWishes) wakeFirst(this.#files.hidden.system, file);
  }

  /**
   * Two readers that each wait for the other to leave would wait forever. So only one may begin: the reader that locks
   * the upgrade byte. While the byte is locked, the queue admits no reader, so the number of other readers only
   * decreases. When the process ends, the byte and its shared lock are freed together.
   */
  upgrade(): Upgrade | undefined {
    if (this.#file.closed) return undefined;
    const queue = openHidden(this.#files.hidden.system, hiddenPath(this.#request.path, 'queue'));
    let begun = beginUpgrade(queue);
    if (begun === 'conflict') {
      queue.close();
      return undefined;
    }
    this.#upgrading = queue;
    return {
      attempt: () => {
        // It is closed by its end, and by the release of the grant.
        if (queue.closed) return false;
        if (begun === 'later') begun = beginUpgrade(queue);
        if (begun === 'conflict') throw new UpgradeConflictError(this.#request.name);
        return begun === 'begun' && this.#attemptUpgrade();
      },
      end: () => queue.close(),
    };
  }

  refresh(keepYoung: boolean): boolean {
    if (this.#file.closed) return true;
    if (!this.#isThere()) return false;
    if (keepYoung) keepLockYoung(this.#files.hidden.system, this.#file, this.#marked);
    return true;
  }

  #attemptUpgrade(): boolean {
    if (!this.#alone && !this.#lock(false)) return false;
    this.#alone = true;
    this.#seat?.leave();
    this.#seat = undefined;
    if (!this.#marked) this.#marked = this.#markAnew();
    return true;
  }

  #lock(shared: boolean): boolean {
    try {
      return this.#file.tryLock(0, 0, shared);
    } catch (error) {
      throw fileError(this.#request.path, 'lock', error);
    }
  }

  // The lock is already exclusive, with or without a record.
  #markAnew(): boolean {
    const file = this.#file;
    try {
      return writeMark(file, 0, this.#request, readState(file, 0));
    } catch {
      return false;
    }
  }

  // The permits rely on the bytes of the seats, so the file of the seats is part of the lock. The file of the readers
  // and the queue are not: removing them takes nothing from a holder.
  #isThere(): boolean {
    if (!this.#files.locks.isTheLock(this.#file)) return false;
    try {
      return this.#request.permits === undefined || this.#seat?.isThere() !== false;
    } catch {
      return true;
    }
  }
}

// A reader needs a seat only for its record: it holds the lock without one too.
function seatForReader(files: HiddenFiles, request: LockRequest): Seat | undefined {
  try {
    return takeSeat(files, request);
  } catch {
    return undefined;
  }
}
