import { dirname, join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { encodeOwnerRecord } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { intoFolder, type LockArea, lockPathRightsOf, lockPathsOf, type Remake } from './lock-paths.js';
import { type Answer, isCode, type LockfileFs, namesIn, quietly } from './system.js';

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
  const paths = lockPathsOf(lockFile, area);
  const prepared = join(paths.prepared, name);
  yield* intoFolder(fs, paths.remake, () => fs.mkdir(prepared, lockPathRightsOf(lockFile, area)));
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
    yield* intoFolder(fs, lockPathsOf(lockFile).remake, () => fs.rename(made, folder), made);
  } catch (error) {
    yield* quietly(() => fs.rmdir(made));
    // There is one, or a cleaner has removed ours before it was renamed, and the caller comes again.
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

/** Removes the parts that {@link prepareOwnerFile} has created. */
export function* discardOwnerFile(fs: LockfileFs, folder: string, own: string): Steps<void> {
  yield* quietly(() => fs.unlink(join(folder, own)));
  yield* quietly(() => fs.rmdir(folder));
}

/**
 * Renames the folder `prepared`, which contains `own`, to `target`. rename(2) succeeds only if `target` is missing or
 * an empty folder; `false` if another owner's folder is there. `remake` makes the parent folder of `target`, if it is
 * missing. @throws ENOENT otherwise
 */
export function* moveIn(
  fs: LockfileFs,
  prepared: string,
  target: string,
  own: string,
  remake?: Remake,
): Steps<boolean> {
  for (let round = 1; ; round += 1) {
    try {
      const move = (): Answer<void> => fs.rename(prepared, target);
      yield* remake === undefined ? step(move()) : intoFolder(fs, remake, move, prepared);
      return true;
    } catch (error) {
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      // Windows and some servers also report EPERM for "not empty" and for "exists", and a server's answer may be lost.
      const names = yield* namesIn(fs, target);
      if (names.includes(own)) return true;
      if (names.length > 0) return false;
      if (round === 3) return yield* deniedToAll(fs, prepared, target, own, error);
      // An empty folder is free, so removing it takes the lock from no process; the removal fails if an owner has moved
      // in.
      yield* quietly(() => fs.rmdir(target));
    }
  }
}

// The folder looks empty, but can be neither replaced nor removed. Either a cache is outdated and an owner is in it, or
// we may not change anything here. A rename to an unused name beside it shows which.
function* deniedToAll(fs: LockfileFs, prepared: string, target: string, own: string, error: unknown): Steps<false> {
  if (!isCode(error, 'EPERM', 'EACCES')) throw error;
  const aside = join(dirname(target), own);
  try {
    yield* step(fs.rename(prepared, aside));
  } catch {
    throw error;
  }
  yield* step(fs.rename(aside, prepared));
  return false;
}

const swept = new Set<string>();

/**
 * Removes the folders in `new/` of processes that died between preparing an owner file and moving it in. Once per lock
 * path and process. No process ever takes such a folder for a lock, so this is only tidiness, and fails silently.
 */
export function* sweepOnce(fs: LockfileFs, lockFile: string, area: LockArea = 'lockfile'): Steps<void> {
  const { prepared } = lockPathsOf(lockFile, area);
  if (swept.has(prepared)) return;
  if (swept.size >= 1000) swept.clear();
  swept.add(prepared);
  yield* sweep(fs, prepared);
}

/** Removes the folders that dead processes left in the folder `prepared`, as {@link sweepOnce} does. */
export function* sweep(fs: LockfileFs, prepared: string): Steps<void> {
  try {
    for (const name of yield* step(fs.readdir(prepared))) {
      if (isOfDead(name)) yield* removeFolder(fs, join(prepared, name), 3);
    }
  } catch {
    // Another process does the same, or we may not.
  }
}

// Shared holders may leave `new/OWNER/seats` and `new/OWNER/SEAT/FILE`. None of the calls that a user may replace
// removes a tree.
function* removeFolder(fs: LockfileFs, folder: string, depth: number): Steps<void> {
  for (const name of yield* step(fs.readdir(folder))) {
    const path = join(folder, name);
    try {
      yield* step(fs.unlink(path));
    } catch (error) {
      if (depth === 0) throw error;
      yield* removeFolder(fs, path, depth - 1);
    }
  }
  yield* step(fs.rmdir(folder));
}
