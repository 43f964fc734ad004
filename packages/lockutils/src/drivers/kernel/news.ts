import type { Holder } from '../../owner/holder.js';
import { holderOf, maxOwnerRecordBytes } from '../../owner/owner-record.js';
import type { LockRequest } from '../driver.js';
import { type HiddenFiles, openHidden } from './files/hidden-files.js';
import { OpenFile } from './files/open-file.js';
import { clearMark, type Mark, readMark, readState } from './files/owner-mark.js';
import { hiddenPath } from './lock-paths.js';
import type { KernelSystem } from './system.js';
import { newsByte } from './tickets.js';

/**
 * Decides whether this holder, of those that share the file, receives the report of its dead writer (G19).
 *
 * Being first in the queue is not enough: a holder that is stopped between reading the mark and clearing it is passed
 * by others, which would find the mark too. So both happen while a byte is locked. A holder that cannot lock the byte
 * leaves the report to the one that has it. If that one dies before it has cleared the mark, the byte is freed and the
 * mark stays for the next holder.
 */
export function learnOfWriter(files: HiddenFiles, request: LockRequest, file: OpenFile): boolean {
  let queue: OpenFile | undefined;
  try {
    queue = openHidden(files.system, hiddenPath(request.path, 'queue'));
    if (!queue.tryLock(newsByte, 1, false) || readState(file, 0) !== 'left') return false;
    clearMark(file, 0);
    return true;
  } catch {
    // Left for the next holder.
    return false;
  } finally {
    queue?.close();
  }
}

/**
 * The mark that reports the death of the last holder of a free lock. The next holder must learn of that (G19), so the mark
 * must not be removed like any other file. `mark` is the mark of the lock file. A dead reader is not reported, so the
 * readers' seats are not examined. The caller holds the lock.
 */
export function abandonedMark(
  system: KernelSystem,
  path: string,
  mark: Mark | undefined,
): Extract<Mark, { readonly state: 'left' }> | undefined {
  if (mark?.state === 'left') return mark;
  for (const left of seatMarks(system, path)) if (left.state === 'left') return left;
  return undefined;
}

/** The owner of the {@link abandonedMark}. */
export function abandonedBy(system: KernelSystem, path: string, mark: Mark | undefined): Holder | undefined {
  const left = abandonedMark(system, path, mark);
  return left && (left.record === undefined ? {} : holderOf(left.record));
}

function* seatMarks(system: KernelSystem, path: string): Generator<Mark> {
  const seats = hiddenPath(path, 'seats');
  const size = system.lstatSync(seats)?.size ?? 0;
  if (size === 0) return;
  const file = OpenFile.openToRead(system, seats);
  try {
    for (let at = 0; at < size; at += maxOwnerRecordBytes) yield readMark(file, at);
  } finally {
    file.close();
  }
}
