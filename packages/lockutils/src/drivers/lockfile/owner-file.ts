import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { encodeOwnerRecord } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { forgetLockPaths, type LockArea, lockPathRightsOf, lockPathsOf } from './lock-paths.js';
import type { Answer, LockfileFs } from './system.js';

/** The content of an owner file in addition to its owner's identity. */
export interface OwnerFacts {
  readonly label?: string | undefined;
  readonly permits?: number | undefined;
  readonly area?: LockArea;
}

/**
 * Creates the folder `new/OWN` with the owner file `OWN` in it, to be renamed to its place. So an owner file is never
 * visible before it is complete, and the folder's name always identifies its owner.
 */
export function* prepareOwnerFile(fs: LockfileFs, lockFile: string, own: string, facts: OwnerFacts): Steps<void> {
  const prepared = yield* prepareFolder(fs, lockFile, own, facts.area);
  const record = encodeOwnerRecord(facts.label, realTime.date(), facts.permits);
  yield* step(fs.create(join(prepared, own), record, lockPathRightsOf(lockFile, facts.area)));
}

/**
 * Creates the empty folder `new/NAME`, to be renamed. `name` identifies its owner, in case the rename never happens.
 */
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
    // Somebody removed the folders by hand.
    forgetLockPaths(lockFile);
    lockPathsOf(lockFile, area);
    yield* step(fs.mkdir(prepared, lockPathRightsOf(lockFile, area)));
  }
  return prepared;
}

/**
 * Makes sure that the folder `folder` exists, which several processes use. It is created as `new/NAME` and renamed when
 * it has its rights, so no process finds it without them. It replaces a folder that another process has created in the
 * meantime only while that one is empty. A process that was about to use the replaced folder finds the new one, or
 * none, and tries again.
 */
export function* makeMeetingFolder(fs: LockfileFs, lockFile: string, name: string, folder: string): Steps<void> {
  const made = yield* prepareFolder(fs, lockFile, name);
  try {
    yield* step(fs.rename(made, folder));
  } catch (error) {
    yield* quietly(() => fs.rmdir(made));
    if (isCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) return;
    // In a sticky directory, and on Windows, an existing folder may not be replaced.
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

/** Removes a file; `false` if there was none. */
export function* removed(fs: LockfileFs, path: string): Steps<boolean> {
  try {
    yield* step(fs.unlink(path));
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Removes a folder if it is empty. Returns whether it is gone now. */
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

/** Removes the parts that {@link prepareOwnerFile} has created. */
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

/** Ignores the failure of a call: other processes judge and remove what it leaves behind. */
export function* quietly(call: () => Answer<void> | undefined): Steps<void> {
  try {
    yield* step(call());
  } catch {
    // Explained above.
  }
}

/** Whether `error` is a system error with one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
