import { join } from 'node:path';
import { newIdentityName } from '../../owner/identity-name.js';
import { type Steps, step } from '../../steps.js';
import { type LockArea, type LockPaths, lockPathsOf, renamed } from './lock-paths.js';
import { reportRemoved } from './news.js';
import { discardOwnerFile, isOfDead, moveIn, prepareOwnerFile } from './owner-file.js';
import { type LockfileFs, namesIn, quietly } from './system.js';

/** Options of {@link LockFolder}. */
export interface LockFolderOptions {
  readonly area?: LockArea;
  readonly label?: string | undefined;
  /** The name of the owner file. It must never have been used before. */
  readonly own?: string;
  /** Whether the owner with that name is to be removed; by default if its process is certainly dead. */
  readonly isOver?: (name: string) => Steps<boolean>;
  /** Whether a listed owner file really exists; by default the listing is trusted. */
  readonly isThere?: (name: string) => Steps<boolean>;
  /**
   * Clears other contents of the lock's folder, as far as no live process holds them. Returns whether it found any. By
   * default there is no other content.
   */
  readonly tidy?: (names: readonly string[]) => Steps<boolean>;
}

/**
 * One attempt to hold a lock exclusively.
 *
 * The lock is the folder `held/NAME`. It is free if the folder is missing or empty, and held while an owner file is in
 * it. The name of that file is unique and identifies the process that made it. Four rules, and their effect:
 *
 * 1. *Acquire*: the owner file is put into a folder of its own, `new/OWNER`, which is then renamed to `held/NAME`.
 *   rename(2) succeeds only if that is missing or an empty folder, in one step. So there is at most one owner file at
 *   any time, and never a folder that some process "is about to fill": an empty one is always free, whichever process
 *   left it.
 * 2. *Break*: only a file whose owner was judged dead is moved away, by its own name. A name is never used again, so
 *   however old the judgement is, it cannot affect another owner. If several processes break the lock, one of them
 *   moves the file.
 * 3. *Release* (`FolderHold`): only our own file is removed, by its name; then the folder, if it is still empty.
 * 4. The file of a dead owner goes to `died/NAME`. The next holder of the lock removes it there while it holds the lock
 *   exclusively, and so was the first holder after the death.
 *
 * Anybody may remove `held`, `new` and `died` while they are empty: then no lock is held by a file in them, and there is
 * no death to report. A rename that fails because of that has changed nothing, and is made again (`intoFolder`).
 *
 * A crash leaves, at each point: before the rename, a folder in `new/` that no process uses (removed later); from the
 * rename on, a held lock with a dead owner, which rule 2 ends; after rule 2, or after half of rule 3, an empty folder,
 * which is free.
 */
export class LockFolder {
  /** Whether the previous holder ended without releasing. Known after {@link take}. */
  previousOwnerDied = false;
  readonly #fs: LockfileFs;
  readonly #lockFile: string;
  readonly #area: LockArea;
  readonly #label: string | undefined;
  readonly #paths: LockPaths;
  readonly #isOver: (name: string) => Steps<boolean>;
  readonly #isThere: (name: string) => Steps<boolean>;
  readonly #tidy: LockFolderOptions['tidy'];
  /** The name of our owner file. */
  readonly own: string;
  readonly #prepared: string;
  #seen: string[] | undefined;
  #judgedDead: string[] = [];

  constructor(fs: LockfileFs, lockFile: string, options: LockFolderOptions = {}) {
    const { area = 'lockfile', label, own = newIdentityName() } = options;
    const { isOver = isDead, isThere = isListed, tidy } = options;
    this.#fs = fs;
    this.#lockFile = lockFile;
    this.#area = area;
    this.#label = label;
    this.#paths = lockPathsOf(lockFile, area);
    this.#isOver = isOver;
    this.#isThere = isThere;
    this.#tidy = tidy;
    this.own = own;
    this.#prepared = join(this.#paths.prepared, this.own);
  }

  /** Acquires the lock if it is free. */
  *take(): Steps<boolean> {
    // Only to avoid the work below while the lock is held. The rename is what decides.
    for (const name of yield* this.#names()) if (yield* this.#isThere(name)) return false;
    this.#seen = undefined;
    try {
      yield* prepareOwnerFile(this.#fs, this.#lockFile, this.own, { label: this.#label, area: this.#area });
      if (!(yield* moveIn(this.#fs, this.#prepared, this.#paths.held, this.own, this.#paths.remake))) {
        yield* discardOwnerFile(this.#fs, this.#prepared, this.own);
        return false;
      }
      this.previousOwnerDied = yield* reportRemoved(this.#fs, this.#paths.died);
      return true;
    } catch (error) {
      yield* this.#discard();
      throw error;
    }
  }

  /** Whether the lock is free, held by an owner that is certainly dead, or held by another owner. */
  *judge(): Steps<'free' | 'dead' | 'held'> {
    let names = yield* this.#names();
    if (this.#tidy !== undefined && (yield* this.#tidy(names))) {
      this.#seen = undefined;
      names = yield* this.#names();
    }
    this.#judgedDead = [];
    for (const name of names) if (yield* this.#isOver(name)) this.#judgedDead.push(name);
    if (this.#judgedDead.length > 0) return 'dead';
    return names.length === 0 ? 'free' : 'held';
  }

  /**
   * Removes the owners that {@link judge} found dead, and no other, even if another owner holds the lock by now.
   *
   * There may be two: an owner that died in the middle of a downgrade, and beside it a reader that became a writer and
   * died.
   */
  *breakDead(): Steps<void> {
    this.#seen = undefined;
    const { held, died, remake } = this.#paths;
    for (const name of this.#judgedDead) yield* renamed(this.#fs, remake, join(held, name), died);
  }

  // Leaves nothing of ours behind, even if it is not known how far we got: every path here belongs only to us.
  *#discard(): Steps<void> {
    yield* discardOwnerFile(this.#fs, this.#prepared, this.own);
    yield* quietly(() => this.#fs.unlink(join(this.#paths.held, this.own)));
  }

  // Looked up once for {@link judge} and {@link take}, whichever comes first. If the folder has changed since, the rename
  // fails; and a name is never used again, so an old one is judged as well as a new one.
  *#names(): Steps<string[]> {
    if (this.#seen === undefined) {
      const { held } = this.#paths;
      this.#seen = (yield* step(this.#fs.exists(held))) ? yield* namesIn(this.#fs, held) : [];
    }
    return this.#seen;
  }
}

// biome-ignore lint/correctness/useYield: what leases ask here needs the file system.
function* isDead(name: string): Steps<boolean> {
  return isOfDead(name);
}

// biome-ignore lint/correctness/useYield: as above.
function* isListed(): Steps<boolean> {
  return true;
}
