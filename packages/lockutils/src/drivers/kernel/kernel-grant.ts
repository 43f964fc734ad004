import { getLogger } from '@oslo-concurrency/core';
import type { Grant, LockRequest, Upgrade } from '../driver.js';
import { hiddenPath, openHidden } from './hidden-files.js';
import { closeQuietly, type KernelSystem } from './kernel-system.js';
import { learnOfWriter } from './learn-of-writer.js';
import { explained } from './lock-file.js';
import type { LockFiles, OpenLockFile } from './lock-files.js';
import { clearMark, readMark, restoreMark, writeMark } from './owner-mark.js';
import { removeLockFiles } from './removal.js';
import { type Seat, takeSeat } from './seats.js';
import { upgradeByte } from './ticket-line.js';

/**
 * What a locked descriptor becomes: the record is written, and of a reader or permit holder the seat is taken.
 *
 * @returns `undefined` when no seat is left; the caller gives the file back then, and closes it when this throws.
 */
export function kernelGrant(
  system: KernelSystem,
  files: LockFiles,
  request: LockRequest,
  file: OpenLockFile,
): Grant | undefined {
  return request.shared || request.permits !== undefined
    ? seatedGrant(system, files, request, file)
    : exclusiveGrant(system, files, request, file);
}

function exclusiveGrant(system: KernelSystem, files: LockFiles, request: LockRequest, file: OpenLockFile): Grant {
  const { fd } = file;
  const mark = readMark(system, fd, 0);
  let marked = writeMark(system, fd, 0, request, mark.state);
  let seat: Seat | undefined;
  let closed = false;
  return {
    previousOwnerDied: mark.state === 'left',
    release(options) {
      // A second close would hit whatever file got this number meanwhile.
      if (closed) return;
      closed = true;
      try {
        // Left as it is, our record says to the next what the dead owner's would have said.
        const passedOn = options?.unused === true && mark.state === 'left';
        if (marked && !passedOn) clearMark(system, fd, 0);
        seat?.leave();
        if (options?.remove !== true || seat !== undefined) return;
        if (mark.state === 'foreign') getLogger().warn(`Not removed: ${request.path} holds what is not of a lock`);
        else removeOrWarn(system, request.path, fd);
      } finally {
        files.release(file);
      }
    },
    downgrade() {
      if (seat !== undefined) return;
      if (marked) clearMark(system, fd, 0);
      marked = false;
      // One fcntl on a range this description holds: there is no moment at which it holds nothing.
      changeMode(system, request, fd, true);
      seat = seatForReader(system, { ...request, shared: true });
    },
    // Of one that was downgraded before.
    upgrade: () =>
      beginUpgrade(system, request, () => {
        if (!changeMode(system, request, fd, false)) return false;
        seat?.leave();
        seat = undefined;
        marked = markAnew(system, fd, request);
        return true;
      }),
  };
}

function changeMode(system: KernelSystem, request: LockRequest, fd: number, shared: boolean): boolean {
  try {
    return system.tryLock(fd, 0, 0, shared);
  } catch (error) {
    throw explained(system, request.path, 'lock', error);
  }
}

// After an upgrade. It is exclusive already, with a record or without.
function markAnew(system: KernelSystem, fd: number, request: LockRequest): boolean {
  try {
    return writeMark(system, fd, 0, request, readMark(system, fd, 0).state);
  } catch {
    return false;
  }
}

// The lock is released whether its file can be removed or not, so a failure is no failure of the release.
function removeOrWarn(system: KernelSystem, path: string, fd: number): void {
  try {
    removeLockFiles(system, path, fd);
  } catch (error) {
    getLogger().warn(`Failed to remove file ${path}: ${(error as Error).message}`);
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

function seatedGrant(
  system: KernelSystem,
  files: LockFiles,
  request: LockRequest,
  file: OpenLockFile,
): Grant | undefined {
  const { fd } = file;
  const hasNews = readMark(system, fd, 0).state === 'left';
  const seat = request.permits === undefined ? seatForReader(system, request) : takeSeat(system, request);
  if (seat === undefined && request.permits !== undefined) return undefined;
  const writerDied = hasNews && learnOfWriter(system, request, fd);
  let upgraded = false;
  let marked = false;
  let closed = false;
  return {
    previousOwnerDied: writerDied || seat?.previousOwnerDied === true,
    release(options) {
      if (closed) return;
      closed = true;
      const unused = options?.unused === true;
      try {
        if (marked) clearMark(system, fd, 0);
        if (unused && writerDied) restoreMark(system, fd, 0);
        seat?.leave(unused);
      } finally {
        files.release(file);
      }
    },
    ...(request.permits !== undefined
      ? {}
      : {
          upgrade() {
            return beginUpgrade(system, request, () => {
              upgraded ||= changeMode(system, request, fd, false);
              if (upgraded && !marked) marked = markAnew(system, fd, request);
              return upgraded;
            });
          },
          downgrade() {
            if (!upgraded) return;
            if (marked) clearMark(system, fd, 0);
            marked = false;
            changeMode(system, request, fd, true);
            upgraded = false;
          },
        }),
  };
}

/**
 * Two readers that both wait for the other to leave would wait for ever, so only one may begin: the one who locks the
 * upgrade byte. While it is locked the line lets no reader in, so the rest only get fewer. When its process ends, the
 * byte and its shared lock go together.
 */
function beginUpgrade(system: KernelSystem, request: LockRequest, attempt: () => boolean): Upgrade | undefined {
  const path = hiddenPath(request.path, 'queue');
  const fd = openHidden(system, path);
  try {
    if (!system.tryLock(fd, upgradeByte, 1, false)) {
      closeQuietly(system, fd, path);
      return undefined;
    }
  } catch (error) {
    closeQuietly(system, fd, path);
    throw explained(system, path, 'lock', error);
  }
  let ended = false;
  return {
    attempt,
    end() {
      if (!ended) closeQuietly(system, fd, path);
      ended = true;
    },
  };
}
