import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { encodeOwnerRecord } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { forgetLockPaths, type LockArea, lockPathRightsOf, lockPathsOf } from './lock-paths.js';
import type { Answer, LockfileFs } from './system.js';

/** What an owner file tells besides whose it is. */
export interface OwnerFacts {
  readonly label?: string | undefined;
  readonly permits?: number | undefined;
  readonly area?: LockArea;
}

/**
 * Makes the folder `new/OWN` with the owner file `OWN` in it, to be renamed to where it shall mean something. So an owner
 * file is never seen half made, and never without the folder's name saying whose it is.
 */
export function* prepareOwnerFile(fs: LockfileFs, lockFile: string, own: string, facts: OwnerFacts): Steps<void> {
  const prepared = yield* prepareFolder(fs, lockFile, own, facts.area);
  const record = encodeOwnerRecord(facts.label, realTime.date(), facts.permits);
  yield* step(fs.create(join(prepared, own), record, lockPathRightsOf(lockFile, facts.area)));
}

/** Makes the empty folder `new/NAME`, to be renamed; `name` says whose it is, in case nobody comes to that. */
export function* prepareFolder(
  fs: LockfileFs,
  lockFile: string,
  name: string,
  area: LockArea = 'lockfile',
): Steps<string> {
  const prepared = join(lockPathsOf(lockFile, area).prepared, name);
  try {
    yield* step(fs.mkdir(prepared, lockPathRightsOf(lockFile, area)));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    // Somebody cleaned up by hand.
    forgetLockPaths(lockFile);
    lockPathsOf(lockFile, area);
    yield* step(fs.mkdir(prepared, lockPathRightsOf(lockFile, area)));
  }
  return prepared;
}

/**
 * Sees to it that there is the folder `folder`, in which others put something too. Made in `new/NAME` and renamed when it
 * has its rights, so nobody finds it closed to others; over one that somebody else has made meanwhile only while that is
 * empty. Whoever was about to put something into that one finds the new one, or nothing, and looks again.
 */
export function* makeMeetingFolder(fs: LockfileFs, lockFile: string, name: string, folder: string): Steps<void> {
  const made = yield* prepareFolder(fs, lockFile, name);
  try {
    yield* step(fs.rename(made, folder));
  } catch (error) {
    yield* quietly(() => fs.rmdir(made));
    if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) return;
    // In a sticky directory, and on Windows, one that is there may not be replaced.
    if (!isCode(error, 'EPERM', 'EACCES') || !(yield* isFolder(fs, folder))) throw error;
  }
}

function* isFolder(fs: LockfileFs, path: string): Steps<boolean> {
  try {
    yield* step(fs.readdir(path));
    return true;
  } catch {
    return false;
  }
}

/** Whether the process that an owner file is named after has certainly ended. */
export function isOfDead(name: string): boolean {
  const identity = parseIdentityName(name);
  return identity !== undefined && liveness(identity) === 'dead';
}

/** Removes a file; `false` when there was none. */
export function* removed(fs: LockfileFs, path: string): Steps<boolean> {
  try {
    yield* step(fs.unlink(path));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Removes a folder if it is empty; whether there is none now. */
export function* folderRemoved(fs: LockfileFs, folder: string): Steps<boolean> {
  try {
    yield* step(fs.rmdir(folder));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return true;
    if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    if ((yield* namesIn(fs, folder)).length > 0) return false;
    throw error;
  }
}

/** Removes a folder made by {@link prepareOwnerFile}, as far as it was made. */
export function* discardOwnerFile(fs: LockfileFs, folder: string, own: string): Steps<void> {
  yield* quietly(() => fs.unlink(join(folder, own)));
  yield* quietly(() => fs.rmdir(folder));
}

/** The names in a folder; none if there is no such folder. */
export function* namesIn(fs: LockfileFs, folder: string): Steps<string[]> {
  try {
    return yield* step(fs.readdir(folder));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Does without the call when it fails: what it leaves behind is judged and swept by others. */
export function* quietly(call: () => Answer<void> | undefined): Steps<void> {
  try {
    yield* step(call());
  } catch {
    // Explained above.
  }
}

/** Whether `error` is the system's of one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
