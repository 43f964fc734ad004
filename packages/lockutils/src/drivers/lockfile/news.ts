import { join } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { lockPathsOf, seatPathsOf } from './lock-paths.js';
import { isCode, namesIn } from './owner-file.js';
import { isNumber } from './seats.js';
import type { LockfileFs } from './system.js';

/** The owner file of a dead holder, moved aside to report its death to the next holder. */
export interface News {
  readonly path: string;
  /** The dead holder, as far as its file can be read. */
  readonly holder: Holder;
}

/**
 * The deaths to report to the next holders of a lock: that of an exclusive holder, or of a permit holder, for the next
 * holder of that seat.
 */
export function* newsOf(fs: LockfileFs, lockFile: string): Steps<News[]> {
  const { died } = lockPathsOf(lockFile);
  const { died: seats } = seatPathsOf(lockFile);
  const numbers = (yield* namesIn(fs, seats)).filter(isNumber).sort((a, b) => Number(a) - Number(b));
  const found: News[] = [];
  for (const path of [died, ...numbers.map((number) => join(seats, number))]) {
    const holder = yield* writtenIn(fs, path);
    if (holder !== undefined) found.push({ path, holder });
  }
  return found;
}

function* writtenIn(fs: LockfileFs, path: string): Steps<Holder | undefined> {
  try {
    const record = decodeOwnerRecord(yield* step(fs.readFile(path)));
    return record === undefined ? {} : holderOf(record);
  } catch (error) {
    // A report that cannot be read is still a report.
    return isCode(error, 'ENOENT') ? undefined : {};
  }
}
