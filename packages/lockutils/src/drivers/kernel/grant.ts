import { dirname } from 'node:path';
import { getLogger, realTime } from '@oslo-concurrency/core';
import { LockLostError } from '../../errors.js';
import { keepMarkerYoung } from '../../lock-path/driver-marker.js';
import type { Grant, LockRequest, Upgrade } from '../driver.js';
import { explained } from './lock-file.js';
import type { LockFiles, OpenLockFile } from './lock-files.js';
import { hiddenPath, kindsOfLock, openHidden } from './lock-paths.js';
import { learnOfWriter } from './news.js';
import type { OpenFile } from './open-file.js';
import { clearMark, readMark, restoreMark, writeMark } from './owner-mark.js';
import { upgradeByte } from './queue.js';
import { removeLockFiles } from './removal.js';
import { type Seat, takeSeat } from './seats.js';
import type { KernelSystem } from './system.js';

/**
 * What a locked descriptor becomes: the record is written, and of a reader or permit holder the seat is taken.
 *
 * @returns `undefined` when no seat is left; the caller gives the file back then, and closes it when this throws.
 */
export function kernelGrant(
  system: KernelSystem,
  files: LockFiles,
  request: LockRequest,
  locked: OpenLockFile,
): Grant | undefined {
  const { file } = locked;
  const found = readMark(file, 0).state;
  if (!request.shared && request.permits === undefined) {
    const marked = writeMark(file, 0, request, found);
    return new KernelGrant(system, files, request, locked, { alone: true, marked, writerDied: found === 'left' });
  }
  const seat = request.permits === undefined ? seatForReader(system, request) : takeSeat(system, request);
  if (seat === undefined && request.permits !== undefined) return undefined;
  const writerDied = found === 'left' && learnOfWriter(system, request, file);
  const grant = new KernelGrant(system, files, request, locked, { alone: false, marked: false, writerDied, seat });
  if (request.permits === undefined) return grant;
  // A permit stays one: it becomes neither a lock alone nor a reader's.
  return {
    previousOwnerDied: grant.previousOwnerDied,
    release: (options) => grant.release(options),
    refresh: (keepYoung) => grant.refresh(keepYoung),
  };
}

/** What a {@link KernelGrant} begins with. */
interface FirstState {
  readonly alone: boolean;
  readonly marked: boolean;
  readonly writerDied: boolean;
  readonly seat?: Seat | undefined;
}

/**
 * A lock that is held on one open file, which is this object's until it is released. Then the file is closed for it, and
 * each method does nothing any more: one that comes late, such as the downgrade at the end of an upgrade that was
 * waited for, must not touch what is somebody else's by then.
 */
class KernelGrant implements Grant {
  readonly previousOwnerDied: boolean;
  readonly #system: KernelSystem;
  readonly #files: LockFiles;
  readonly #request: LockRequest;
  readonly #locked: OpenLockFile;
  // The news that our record or the cleared mark stands for.
  readonly #writerDied: boolean;
  /** Whether the file is locked exclusively. */
  #alone: boolean;
  /** Whether the record in the lock file is to be cleared: our own, or a dead owner's whose news were told. */
  #marked: boolean;
  #seat: Seat | undefined;
  /** The queue file with the upgrade byte, while an upgrade is waited for. */
  #upgrading: OpenFile | undefined;

  constructor(
    system: KernelSystem,
    files: LockFiles,
    request: LockRequest,
    locked: OpenLockFile,
    { alone, marked, writerDied, seat }: FirstState,
  ) {
    this.#system = system;
    this.#files = files;
    this.#request = request;
    this.#locked = locked;
    this.#alone = alone;
    this.#marked = marked;
    this.#writerDied = writerDied;
    this.#seat = seat;
    this.previousOwnerDied = writerDied || seat?.previousOwnerDied === true;
  }

  release({ remove = false, unused = false }: { readonly remove?: boolean; readonly unused?: boolean } = {}): void {
    const { file } = this.#locked;
    if (file.closed) return;
    const lost = !this.#isThere();
    try {
      this.#upgrading?.close();
      // What we leave says to the next holder what the dead one's record would have said.
      if (unused && this.#writerDied) restoreMark(file, 0);
      else if (this.#marked) clearMark(file, 0);
      this.#seat?.leave(unused);
      // Only alone: who shares the file would hold a lock on one that is no longer the lock. Of a lost one nothing is
      // removed: see `removeLockFiles`.
      if (remove && this.#alone) this.#remove();
    } finally {
      this.#files.release(this.#locked);
    }
    if (lost) throw new LockLostError(this.#request.path);
  }

  downgrade(): void {
    const { file } = this.#locked;
    if (file.closed || !this.#alone) return;
    // While alone: a mark that stays would tell each reader that comes in of a holder that died.
    if (this.#marked) clearMark(file, 0);
    this.#marked = false;
    // One fcntl on a range this description holds: there is no moment at which it holds nothing.
    this.#lock(true);
    this.#alone = false;
    this.#seat ??= seatForReader(this.#system, { ...this.#request, shared: true });
  }

  /**
   * Two readers that both wait for the other to leave would wait for ever, so only one may begin: the one who locks the
   * upgrade byte. While it is locked the line lets no reader in, so the rest only get fewer. When its process ends, the
   * byte and its shared lock go together.
   */
  upgrade(): Upgrade | undefined {
    if (this.#locked.file.closed) return undefined;
    const system = this.#system;
    const path = hiddenPath(this.#request.path, 'queue');
    const queue = openHidden(system, path);
    try {
      if (!queue.tryLock(upgradeByte, 1, false)) {
        queue.close();
        return undefined;
      }
    } catch (error) {
      queue.close();
      throw explained(system, path, 'lock', error);
    }
    this.#upgrading = queue;
    return {
      // Closed by its end, and by the release of the grant.
      attempt: () => !queue.closed && this.#attemptUpgrade(),
      end: () => queue.close(),
    };
  }

  refresh(keepYoung: boolean): boolean {
    if (this.#locked.file.closed) return true;
    if (!this.#isThere()) return false;
    if (keepYoung) this.#keepYoung();
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
      return this.#locked.file.tryLock(0, 0, shared);
    } catch (error) {
      throw explained(this.#system, this.#request.path, 'lock', error);
    }
  }

  // It is exclusive already, with a record or without.
  #markAnew(): boolean {
    const { file } = this.#locked;
    try {
      return writeMark(file, 0, this.#request, readMark(file, 0).state);
    } catch {
      return false;
    }
  }

  // The permits rest on the bytes of the seats, so their file is part of the lock. That of the readers is not, nor is the
  // queue: who removes these takes nothing from a holder.
  #isThere(): boolean {
    if (!this.#files.isTheLock(this.#locked)) return false;
    try {
      return this.#request.permits === undefined || this.#seat?.isNamed() !== false;
    } catch {
      return true;
    }
  }

  #keepYoung(): void {
    const { path } = this.#request;
    touch(this.#locked.file, this.#marked);
    const now = realTime.date() / 1000;
    for (const kind of kindsOfLock) quietly(() => this.#system.lutimesSync(hiddenPath(path, kind), now, now));
    keepMarkerYoung(dirname(path));
  }

  // The lock is released whether its file can be removed or not, so a failure is no failure of the release.
  #remove(): void {
    const { path } = this.#request;
    try {
      if (readMark(this.#locked.file, 0).state === 'foreign') {
        getLogger().warn(`Not removed: ${path} holds what is not of a lock`);
      } else removeLockFiles(this.#system, path, this.#locked.file);
    } catch (error) {
      getLogger().warn(`Failed to remove file ${path}: ${(error as Error).message}`);
    }
  }
}

// Only the owner of a file may set its times. Whoever holds it alone may write what is there already, which changes the
// one time; reading changes the other, on most mounts once a day.
function touch(file: OpenFile, marked: boolean): void {
  try {
    file.touch();
  } catch {
    if (marked) restoreMark(file, 0);
    else quietly(() => readMark(file, 0));
  }
}

// A file that cannot be kept young may be removed; then its holder is told.
function quietly(call: () => unknown): void {
  try {
    call();
  } catch {
    // Said above.
  }
}

// A reader needs its seat for its record only: it holds without one too.
function seatForReader(system: KernelSystem, request: LockRequest): Seat | undefined {
  try {
    return takeSeat(system, request);
  } catch {
    return undefined;
  }
}
