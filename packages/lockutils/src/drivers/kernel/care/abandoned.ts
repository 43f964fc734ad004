import type { Holder } from '../../../owner/holder.js';
import { holderOf, maxOwnerRecordBytes } from '../../../owner/owner-record.js';
import { hiddenPath } from '../lock-paths.js';
import { OpenFile } from '../open-file.js';
import { type Mark, readMark } from '../owner-mark.js';
import type { KernelSystem } from '../system.js';

/**
 * The last holder of a free lock, if it ended without releasing. The next holder must learn of that (G19), so the mark
 * that reports it must not be removed like any other file. `mark` is the mark of the lock file. A dead reader is not
 * reported, so the readers' seats are not examined.
 */
export function abandonedBy(system: KernelSystem, path: string, mark: Mark | undefined): Holder | undefined {
  if (mark?.state === 'left') return mark.record === undefined ? {} : holderOf(mark.record);
  for (const left of seatMarks(system, path)) {
    if (left.state === 'left') return left.record === undefined ? {} : holderOf(left.record);
  }
  return undefined;
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
