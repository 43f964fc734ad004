import { join } from 'node:path';
import { encodeOwnerRecord } from '../../owner/owner-record.js';
import { forgetLockPaths, type LockArea, lockPathsOf, sharedModeOf } from './lock-paths.js';
import type { LockfileFs } from './lockfile-fs.js';
import { type Steps, step } from './steps.js';

/**
 * Makes the folder `new/OWN` with the owner file `OWN` in it, to be renamed to where it shall mean something. So an owner
 * file is never seen half made, and never without the folder's name saying whose it is.
 */
export function* prepareOwnerFile(
  fs: LockfileFs,
  lockFile: string,
  own: string,
  label: string | undefined,
  area: LockArea = 'lockfile',
): Steps<void> {
  const prepared = join(lockPathsOf(lockFile, area).prepared, own);
  try {
    yield* step(fs.mkdir(prepared));
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
    // Somebody cleaned up by hand.
    forgetLockPaths(lockFile);
    lockPathsOf(lockFile, area);
    yield* step(fs.mkdir(prepared));
  }
  const mode = sharedModeOf(lockFile, area);
  if (mode !== undefined) yield* step(fs.chmod(prepared, mode));
  yield* step(fs.create(join(prepared, own), encodeOwnerRecord(label, Date.now())));
}

/** Removes a folder made by {@link prepareOwnerFile}, as far as it was made. */
export function* discardOwnerFile(fs: LockfileFs, folder: string, own: string): Steps<void> {
  yield* quietly(() => fs.unlink(join(folder, own)));
  yield* quietly(() => fs.rmdir(folder));
}

/** What is in a folder; nothing when there is no such folder. */
export function* namesIn(fs: LockfileFs, folder: string): Steps<string[]> {
  try {
    return yield* step(fs.readdir(folder));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Does without the call when it fails: what it leaves behind is judged and swept by others. */
export function* quietly(call: () => unknown): Steps<void> {
  try {
    yield* step(call());
  } catch {
    // Said above.
  }
}

/** Whether `error` is the system's of one of these codes. */
export function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? '');
}
