import { join } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { isNumber, lockPathsOf, renamed, seatPathsOf } from './lock-paths.js';
import { makeMeetingFolder } from './owner-file.js';
import { isCode, type LockfileFs, namesIn, quietly, removed } from './system.js';

/** The owner file of a dead holder, moved aside to report its death to the next holder. */
export interface News {
  readonly path: string;
  /** The dead holder, as far as its file can be read. */
  readonly holder: Holder;
}

/** The death that a holder has learned of: of an exclusive holder, or of the permit holder with that seat. */
export type Learned = 'lock' | { readonly seat: string };

/**
 * What the new holder of `seat` learns, and no other holder: removes one report.
 *
 * Only one of the holders that take seats after a dead writer removes the report about it. The report of the seat then
 * stays for the next holder of that seat: a grant that came too late could pass on only one of the two.
 */
export function* learn(fs: LockfileFs, lockFile: string, seat: string): Steps<Learned | undefined> {
  const { died } = seatPathsOf(lockFile);
  if (yield* reportRemoved(fs, lockPathsOf(lockFile).died)) return 'lock';
  if (!isNumber(seat) || !(yield* reportRemoved(fs, join(died, seat)))) return undefined;
  yield* quietly(() => fs.rmdir(died));
  return { seat };
}

/**
 * Removes a report; `false` if there was none, as is usual, or if another holder was faster. The look first is enough: a
 * report was moved to its place before the lock could be granted to the caller of this, because its file was in the way.
 */
export function* reportRemoved(fs: LockfileFs, path: string): Steps<boolean> {
  return (yield* step(fs.exists(path))) && (yield* removed(fs, path));
}

/**
 * Releases by leaving the owner file `file` as the report, as if its owner had died like the holder before it: the next
 * holder learns of that.
 */
export function* passOn(seats: ReportPlace, file: string, learned: Learned): Steps<void> {
  const { died, remake } = lockPathsOf(seats.lockFile);
  if (learned === 'lock') yield* renamed(seats.fs, remake, file, died);
  else yield* reportSeat(seats, file, learned.seat);
  // The folder for the report could not be created: a lost report is better than a lock that is never freed.
  yield* removed(seats.fs, file);
}

/**
 * Moves the owner file of a permit holder to where the next holder of that seat finds it. Any process may remove the
 * folder for it while it is empty, even between our creating it and the rename.
 */
export function* reportSeat(seats: ReportPlace, file: string, seat: string): Steps<void> {
  const { fs, lockFile } = seats;
  const folder = seatPathsOf(lockFile).died;
  const remake = (): Steps<void> => makeMeetingFolder(fs, lockFile, seats.newName(), folder);
  // Otherwise another process has removed it.
  if (!(yield* renamed(fs, remake, file, join(folder, seat)))) yield* quietly(() => fs.rmdir(folder));
}

/** The lock that a report belongs to. */
export interface ReportPlace {
  readonly fs: LockfileFs;
  readonly lockFile: string;
  newName(): string;
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
