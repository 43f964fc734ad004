import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Holder } from '../../../owner/holder.js';
import { liveness } from '../../../owner/liveness.js';
import { holderOf } from '../../../owner/owner-record.js';
import { abandonedMark } from '../news.js';
import type { KernelSystem } from '../system.js';
import { isWholeFile, readLockTable } from '../table/lock-table.js';
import { type LockEntry, readEntry } from './lock-entry.js';

/**
 * The last holder of a lock that the lock table shows as free, if it ended without releasing. Takes no lock.
 *
 * `entry` was read after the table, so its mark may be of a process that was granted the lock in between. If the owner of
 * the mark has ended, it did not release. Any other owner counts as dead only if the lock is free in a later millisecond,
 * and the mark is the same after that: a release would have cleared it before the unlock, and a later grant has another
 * record.
 */
export function abandonedAsSeen(system: KernelSystem, { path, stats, mark: seen }: LockEntry): Holder | undefined {
  const mark = abandonedMark(system, path, seen);
  if (mark === undefined) return undefined;
  const { record } = mark;
  if (record === undefined || liveness(record) !== 'dead') {
    Atomics.wait(never, 0, 0, stampInterval);
    const isHeld = readLockTable(system, dirname(path))?.held(stats.ino).some(isWholeFile);
    const again = abandonedMark(system, path, readEntry(system, path)?.mark);
    if (isHeld !== false || again === undefined || !isDeepStrictEqual(again.record, record)) return undefined;
  }
  return record === undefined ? {} : holderOf(record);
}

const never = new Int32Array(new SharedArrayBuffer(4));
// Milliseconds. The record of each grant says in which millisecond that was.
const stampInterval = 2;
