import { basename, dirname, join, sep } from 'node:path';
import { makeHiddenFolder, makeMeetingPlace } from '../../lock-path/hidden-folder.js';
import { type Rights, rightsOf } from '../../lock-path/rights.js';
import { type Steps, step } from '../../steps.js';
import { type FileOperation, fileError } from '../file-errors.js';
import { type Answer, isCode, type LockfileFs } from './system.js';

/** The paths of the files of one lock. Each kind has its own folder, so that a name may use all its 255 bytes. */
export interface LockPaths {
  /** `held/NAME`: the lock itself. It is held while it is a folder with an owner file in it. */
  readonly held: string;
  /** `died/NAME`: the owner file of a dead holder, until its death was reported to the next holder. */
  readonly died: string;
  /** `new/`: owner files in folders of their own, being prepared. */
  readonly prepared: string;
  /** `queue/NAME`: the tickets of the waiters. For a lease: `token/NAME`, with the last token in it. */
  readonly extra: string;
  /** For a lease: `text/`, the texts that are kept with the names. */
  readonly texts: string;
  /** `wake/`: a folder for the hints to each thread that waits. Not for a lease. */
  readonly wakes: string;
  /** Makes the folders of all locks again, if somebody has removed them. @throws ENOENT if the lock path is gone */
  readonly remake: Remake;
}

/** The paths used by holders that share a lock. */
export interface SeatPaths {
  /** `held/NAME/seats`: a folder that contains a folder with an owner file for each holder. */
  readonly seats: string;
  /** `held/NAME/upgrade`: the seat of the holder that waits to become exclusive. */
  readonly upgrade: string;
  /**
   * `died-seats/NAME`: the owner file of a dead permit holder, by seat, until its death was reported to the next holder
   * of that seat.
   */
  readonly died: string;
}

/** Strict locks and leases never interfere, even in the same lock path. */
export type LockArea = 'lockfile' | 'lease';

/** The names in the folder of a lock that are not owner files. */
export const seatsName = 'seats';
export const upgradeName = 'upgrade';

/** Whether a seat is that of a permit holder. */
export function isNumber(seat: string): boolean {
  return /^\d{1,15}$/.test(seat);
}

const kinds: Record<LockArea, readonly string[]> = {
  lockfile: ['held', 'died', 'new', 'queue', 'died-seats', 'wake'],
  lease: ['held', 'died', 'new', 'token', 'text'],
};
/** The folders of one area in a lock path, and the lock that was last asked for in them. */
interface Area {
  readonly folders: readonly string[];
  readonly rights: Rights;
  readonly remake: Remake;
  last?: { readonly name: string; readonly paths: LockPaths; readonly seatPaths: SeatPaths };
}
const made = new Map<string, Area>();

/** The paths of the lock at `lockFile`. */
export function lockPathsOf(lockFile: string, area: LockArea = 'lockfile'): LockPaths {
  return pathsIn(areaOf(dirname(lockFile), area), basename(lockFile)).paths;
}

/** The paths used by holders that share the strict lock at `lockFile`. */
export function seatPathsOf(lockFile: string): SeatPaths {
  return pathsIn(areaOf(dirname(lockFile), 'lockfile'), basename(lockFile)).seatPaths;
}

// One attempt asks for the paths of its lock many times.
function pathsIn(area: Area, name: string): NonNullable<Area['last']> {
  if (area.last?.name === name) return area.last;
  const [inHeld = '', inDied = '', prepared = '', inExtra = '', more = '', wakes = ''] = area.folders;
  const held = join(inHeld, name);
  const paths = {
    held,
    died: join(inDied, name),
    prepared,
    extra: join(inExtra, name),
    texts: more,
    wakes,
    remake: area.remake,
  };
  const seatPaths = { seats: join(held, seatsName), upgrade: join(held, upgradeName), died: join(more, name) };
  area.last = { name, paths, seatPaths };
  return area.last;
}

/** The folder of all held locks of a lock path. */
export function heldFolderOf(directory: string, area: LockArea = 'lockfile'): string {
  return areaOf(directory, area).folders[0] ?? '';
}

/** The owner of the lock path and its mode. Everything created in it gets the same. */
export function lockPathRightsOf(lockFile: string, area: LockArea = 'lockfile'): Rights {
  return areaOf(dirname(lockFile), area).rights;
}

/** Makes {@link lockPathsOf} check again whether the folders exist. */
function forgetLockPaths(lockFile: string): void {
  for (const area of Object.keys(kinds)) made.delete(keyOf(dirname(lockFile), area as LockArea));
}

/** Makes a folder that is missing. */
export type Remake = () => Steps<void>;

/**
 * Makes a call that creates something in a folder, or renames `from` into it, although the folder may be missing: a
 * cleaner has removed it because it was empty, or another process that came first to the lock path has just replaced it
 * by its own. Then `remake` makes it again, and so is the call made. Nothing has happened before that, so whatever is
 * true of the first call is true of the next one. ENOENT is thrown if `from` itself is gone.
 */
export function* intoFolder<T>(fs: LockfileFs, remake: Remake, call: () => Answer<T>, from?: string): Steps<T> {
  // Each round means that others removed or replaced the folder between two of our calls.
  for (let round = 0; ; round += 1) {
    try {
      return yield* step(call());
    } catch (error) {
      if (!isCode(error, 'ENOENT') || round >= 100) throw error;
      if (from !== undefined && !(yield* step(fs.exists(from)))) throw error;
      yield* remake();
    }
  }
}

/** Renames a file, by {@link intoFolder}; `false` if it is gone. */
export function* renamed(fs: LockfileFs, remake: Remake, from: string, to: string): Steps<boolean> {
  try {
    yield* intoFolder(fs, remake, () => fs.rename(from, to), from);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

/**
 * Turns the system's error at the files of the lock at `lockFile` into one for people; any other error stays as it is.
 */
export function explained(lockFile: string, operation: FileOperation, error: unknown): unknown {
  const { path: from, dest } = (error ?? {}) as NodeJS.ErrnoException & { readonly dest?: string };
  const named = dest ?? from;
  const path = named?.startsWith(`${dirname(lockFile)}${sep}`) === true ? named : lockFile;
  const failure = fileError(path, operation, error);
  if (failure !== error) forgetLockPaths(lockFile);
  return failure;
}

const keyOf = (directory: string, area: LockArea): string => `${directory}\0${area}`;

function areaOf(directory: string, area: LockArea): Area {
  let found = made.get(keyOf(directory, area));
  if (found === undefined) {
    const folders = kinds[area].map((kind) =>
      // Only its maker uses a folder that is being prepared; but any process that may do so removes those of dead
      // makers.
      kind === 'new' ? makeHiddenFolder(directory, area, kind) : makeMeetingPlace(directory, area, kind),
    );
    // biome-ignore lint/correctness/useYield: what is made for one lock only is made by other calls.
    const remake = function* (): Steps<void> {
      made.delete(keyOf(directory, area));
      areaOf(directory, area);
    };
    found = { folders, rights: rightsOf(directory), remake };
    if (made.size >= 1000) made.clear();
    made.set(keyOf(directory, area), found);
  }
  return found;
}
