import { join } from 'node:path';
import { LockLostError } from '../../errors.js';
import { newIdentityName } from '../../owner/identity-name.js';
import { type Steps, step } from '../../steps.js';
import { type LockArea, type LockPaths, lockPathsOf } from './lock-paths.js';
import { moveIn } from './move-in.js';
import type { OwnedFolder } from './owned-fs.js';
import { discardOwnerFile, isCode, isOfDead, namesIn, prepareOwnerFile, quietly, removed } from './owner-file.js';
import type { LockfileFs } from './system.js';

/** Options of {@link LockFolder}. */
export interface LockFolderOptions {
  readonly area?: LockArea;
  readonly label?: string | undefined;
  /** The name of the owner file; never used before. */
  readonly own?: string;
  /** Whether the owner of that name is to be put out; by default when its process is certainly dead. */
  readonly isOver?: (name: string) => Steps<boolean>;
  /** Whether an owner file that was listed is really there; by default the listing is believed. */
  readonly isThere?: (name: string) => Steps<boolean>;
  /**
   * Clears what else may lie in the folder of the lock, as far as nobody alive has it; whether it found anything. By
   * default nothing else may lie there.
   */
  readonly tidy?: (names: readonly string[]) => Steps<boolean>;
}

/**
 * One attempt at a lock, and the lock when it succeeds.
 *
 * The lock is the folder `held/NAME`. It is free when there is none or an empty one, and held while an owner file is in
 * it, whose name is unique and says which process made it. Four rules, and what they give:
 *
 * 1. *take*: the owner file is put into a folder of one's own, `new/OWNER`, which is then renamed to `held/NAME`. rename(2)
 *    does that only if nothing or an empty folder is there, in one step. So there is at most one owner file at any
 *    time, and never a folder that somebody "is about to fill": an empty one is always free, whoever left it.
 * 2. *break*: only a file whose owner was judged dead is moved away, by its own name. A name never comes again, so
 *    however long ago the judgement was, nobody else can be hit by it; of many who break, one moves it.
 * 3. *release*: only our own file is removed, by its name; then the folder, if it is still empty.
 * 4. The file of the dead goes to `died/NAME`. Who takes the lock next removes it there while holding, hence alone, and
 *    was the first to come after.
 *
 * A crash leaves, at each point: before the rename a folder in `new/` that no one looks at (swept later); from the rename
 * on a held lock with a dead owner, which rule 2 ends; after 2 or after half of 3 an empty folder, which is free.
 */
export class LockFolder implements OwnedFolder {
  /** Whether the holder before ended without releasing. Known after {@link take}. */
  previousOwnerDied = false;
  /** Whether nobody has learned of the lock, so that {@link release} must leave the news of a death to the next. */
  unused = false;
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
  #judgedDead: string[] = [];
  #mayBeReleased = false;

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

  /** Takes the lock if it is free. */
  *take(): Steps<boolean> {
    // Only to spare the work below while somebody is in; what decides is the rename.
    for (const name of yield* this.#names()) if (yield* this.#isThere(name)) return false;
    try {
      yield* prepareOwnerFile(this.#fs, this.#lockFile, this.own, { label: this.#label, area: this.#area });
      if (!(yield* moveIn(this.#fs, this.#prepared, this.#paths.held, this.own))) {
        yield* this.#discard();
        return false;
      }
      this.previousOwnerDied = yield* removed(this.#fs, this.#paths.died);
      return true;
    } catch (error) {
      yield* this.#discard();
      throw error;
    }
  }

  /** Who is in: nobody, somebody whose death is certain, or somebody else. */
  *judge(): Steps<'free' | 'dead' | 'held'> {
    let names = yield* this.#names();
    if (this.#tidy !== undefined && (yield* this.#tidy(names))) names = yield* this.#names();
    this.#judgedDead = [];
    for (const name of names) if (yield* this.#isOver(name)) this.#judgedDead.push(name);
    if (this.#judgedDead.length > 0) return 'dead';
    return names.length === 0 ? 'free' : 'held';
  }

  /**
   * Puts out the owners that {@link judge} found dead; nobody else, whoever is in by now.
   *
   * There may be two: one that died in the middle of a downgrade, and beside it a reader that became a writer and died.
   */
  *breakDead(): Steps<void> {
    for (const name of this.#judgedDead) {
      try {
        yield* step(this.#fs.rename(join(this.#paths.held, name), this.#paths.died));
      } catch (error) {
        // Another one has put it out.
        if (!isCode(error, 'ENOENT')) throw error;
      }
    }
  }

  /** Gives the lock back. @throws LockLostError when our owner file is gone; then nothing is removed. */
  *release(): Steps<void> {
    const file = join(this.#paths.held, this.own);
    try {
      // In one step free again, and as if we had died like the one before us: the next holder is told of it.
      if (this.unused && this.previousOwnerDied) yield* step(this.#fs.rename(file, this.#paths.died));
      else yield* step(this.#fs.unlink(file));
    } catch (error) {
      const gone = isCode(error, 'ENOENT');
      this.#mayBeReleased ||= !gone;
      if (!gone) throw error;
      // After a call that failed, what is gone now was given back by that one: only its answer was lost.
      if (!this.#mayBeReleased) throw new LockLostError(this.#lockFile, error);
    }
    // From here on it is free. That the folder stays is no harm, and that it cannot be removed mostly means a successor.
    yield* quietly(() => this.#fs.rmdir(this.#paths.held));
  }

  // Leaves nothing of ours behind, also where it is not known how far we got: every path here is ours alone.
  *#discard(): Steps<void> {
    yield* discardOwnerFile(this.#fs, this.#prepared, this.own);
    yield* quietly(() => this.#fs.unlink(join(this.#paths.held, this.own)));
  }

  *#names(): Steps<string[]> {
    return yield* namesIn(this.#fs, this.#paths.held);
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
