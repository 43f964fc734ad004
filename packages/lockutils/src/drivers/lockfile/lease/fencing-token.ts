import { join } from 'node:path';
import { LockFileSystemError } from '../../../errors/lock-file-errors.js';
import type { Rights } from '../../../lock-path/rights.js';
import { newIdentityName } from '../../../owner/identity-name.js';
import { type Steps, step } from '../../../steps.js';
import { intoFolder, type LockPaths, type Remake } from '../lock-paths.js';
import { discardOwnerFile } from '../owner-file.js';
import { isCode, type LockfileFs } from '../system.js';

/**
 * Draws the next fencing token: the last one plus one. Returns the name of its file.
 *
 * The last token is the name of the only file in `token/NAME`, or what that name begins with: {@link LeaseText} puts a text
 * behind it. The next token is drawn by renaming the file. A rename from a
 * name that is gone fails. So neither a process with an old listing, nor a holder that was stopped here and continues
 * after many successors, can set the token back. The folder is moved in with its first file, so that it is never
 * without one.
 *
 * A folder without a token has therefore lost it, for example to a cleaner of old files. Starting again at 1 would let
 * earlier holders overwrite the data of later ones. So no lease is granted until an administrator decides.
 *
 * @returns `undefined` if other processes were faster, or the listing stays outdated: then nothing was drawn.
 * @throws LockFileSystemError if the token is lost.
 */
export function* nextToken(
  fs: LockfileFs,
  { extra: folder, prepared, remake }: LockPaths,
  rights: Rights,
): Steps<string | undefined> {
  for (let round = 1; round <= 5; round += 1) {
    const names = yield* listed(fs, folder);
    const last = (names ?? [])
      .filter((name) => /^\d{1,40}(~.*)?$/.test(name))
      .reduce((a, b) => (tokenOf(a) < tokenOf(b) ? b : a), '0');
    if (names !== undefined && last === '0') {
      // A listing made during a rename may contain neither name.
      if (round < 5) continue;
      throw new LockFileSystemError(folder, 'lock', new Error(lost));
    }
    const next = `${tokenOf(last) + 1n}${last.replace(/^\d+/, '')}`;
    try {
      if (last === '0') yield* begin(fs, remake, join(prepared, newIdentityName()), folder, next, rights);
      else yield* step(fs.rename(join(folder, last), join(folder, next)));
      return next;
    } catch (error) {
      if (!isCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM') || (round === 5 && isCode(error, 'EPERM')))
        throw error;
    }
  }
  return undefined;
}

/** The token of a file in `token/NAME`. */
export function tokenOf(name: string): bigint {
  return BigInt(name.replace(/~.*$/, ''));
}

const lost =
  'the fencing token of this lease is missing: create an empty file here whose name is a whole number not smaller than any token ' +
  'that was granted, or remove the folder if nothing compares tokens';

function* listed(fs: LockfileFs, folder: string): Steps<string[] | undefined> {
  try {
    return yield* step(fs.readdir(folder));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function* begin(
  fs: LockfileFs,
  remake: Remake,
  made: string,
  folder: string,
  first: string,
  rights: Rights,
): Steps<void> {
  try {
    yield* intoFolder(fs, remake, () => fs.mkdir(made, rights));
    yield* step(fs.create(join(made, first), new Uint8Array(), rights));
    yield* intoFolder(fs, remake, () => fs.rename(made, folder), made);
  } catch (error) {
    yield* discardOwnerFile(fs, made, first);
    throw error;
  }
}
