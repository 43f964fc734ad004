import { join } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { lockPathsOf, seatPathsOf } from './lock-paths.js';
import { isCode, namesIn } from './owner-file.js';
import { isNumber } from './seats.js';
import type { LockfileFs } from './system.js';

/** An owner file of somebody dead that has been put out, kept to tell the next holder. */
export interface News {
  readonly path: string;
  /** Whose it is, as far as it can be read. */
  readonly holder: Holder;
}

/** What the next holders of a lock are to be told: of who had it alone (or the permit, for the next in that seat). */
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
    // One that may not be read is news all the same.
    return isCode(error, 'ENOENT') ? undefined : {};
  }
}
