import { constants, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { LockFileTypeError, LockUnsupportedError } from '../../../errors/lock-file-errors.js';
import { createFile } from '../../../lock-path/new-file.js';
import type { Place } from '../../driver.js';
import { fileError } from '../../file-errors.js';
import { IdleFiles } from '../../idle-files.js';
import { Slice } from '../../slice.js';
import type { KernelSystem } from '../system.js';
import { giveHint } from '../wake-files.js';
import { OpenFile, openOrCreate } from './open-file.js';
import { PassedOn } from './passed-on.js';
import { readWish } from './wish.js';

/**
 * Locks lock files, and keeps a few of them open for a moment after release, unlocked (see {@link IdleFiles}).
 *
 * An idle descriptor does not endanger exclusion: after each lock, the name must lead to the file that was locked, as
 * with a file that was just opened. No child inherits it (O_CLOEXEC). It has its own owner: the grant that released it
 * cannot use it any more.
 */
export class LockFiles {
  readonly #system: KernelSystem;
  readonly #prepare: (path: string) => void;
  readonly #trust: number;
  readonly #idle = new IdleFiles<OpenFile>();
  readonly #passedOn = new PassedOn((file) => this.release(file, true));

  /** `prepare` checks the lock path, before a file is opened. `trust` as in {@link OpenFile.isStillNamed}. */
  constructor(system: KernelSystem, prepare: (path: string) => void, trust: number) {
    this.#system = system;
    this.#prepare = prepare;
    this.#trust = trust;
  }

  /**
   * Locks the file that `path` leads to now; `undefined` if another lock is in the way. A newcomer is also refused if
   * this thread's turn at the lock has ended, and for a moment by a file that is no longer the lock.
   */
  tryLock(path: string, shared: boolean, by?: Place | 'newcomer'): OpenFile | undefined {
    const passed = this.#passedOn.take(path, shared);
    // Its last holder has just compared the name, and the release of this one will do so again.
    if (passed !== undefined) return passed;
    for (let round = 0; round < maxRounds; round += 1) {
      const file = this.#idle.take(path) ?? this.#open(path);
      if (by === 'newcomer' && sliceOf(file).hasGivenWay()) {
        this.#keepForNextTry(file);
        return undefined;
      }
      let granted: boolean;
      try {
        granted = file.tryLock(0, 0, shared);
        // A waiter sleeps after a refusal until the holder wakes it, so only the lock itself may refuse it.
        const mayBeOther = !granted && typeof by !== 'object' && file.wasLookedAt(lookInterval);
        if (mayBeOther || file.isNamed()) {
          if (granted) {
            file.lockedAt = file.lookedAt;
            file.record = undefined;
            return file;
          }
          this.#keepForNextTry(file);
          return undefined;
        }
      } catch (error) {
        file.close();
        throw fileError(path, 'lock', error);
      }
      // It was removed or replaced in the meantime. This file is no longer the lock, whether it is locked or not: try
      // again.
      file.close();
    }
    throw new LockUnsupportedError(path, 'The file system reports another identity for this file at each look');
  }

  /**
   * Whether a locked file is still the lock: the name leads to it. If the system reports an error, or reports another
   * identity for the open file itself now, nothing is known, and the answer is yes. If the name was looked at a moment
   * ago, as at the grant of a short hold, only a removal or replacement is seen: that costs half as much. No grant relies
   * on this answer: the next one looks at the name itself.
   */
  isTheLock(file: OpenFile): boolean {
    try {
      return file.isStillNamed(this.#trust) || file.hasChanged();
    } catch {
      return true;
    }
  }

  /**
   * Calls `use` with the open file that `path` leads to, without its lock. @throws what `use` throws, and the errors of
   * opening
   */
  visit(path: string, use: (file: OpenFile) => void): void {
    const file = this.#idle.take(path) ?? this.#open(path);
    try {
      use(file);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#keepForNextTry(file);
  }

  /**
   * Unlocks the file and keeps it for the next time, or closes it. For the caller, it is closed from now on.
   * With `mayPass`, wakes the first waiter: as its slice says if this thread may pass that waiter, at once otherwise.
   */
  release(file: OpenFile, mayPass?: boolean): void {
    try {
      file.unlock(0, 0);
      if (mayPass !== undefined) wakeFirst(this.#system, file, mayPass);
    } catch {
      file.close();
      return;
    }
    this.#keep(file);
  }

  /** May keep the file locked for the next call of this thread instead, see {@link PassedOn}. Returns whether it does. */
  passOn(file: OpenFile): boolean {
    return this.#passedOn.keep(file);
  }

  #open(path: string): OpenFile {
    this.#prepare(path);
    const file = openLockFile(this.#system, path);
    try {
      checkPlainFile(path, file.stat());
      return file;
    } catch (error) {
      file.close();
      throw fileError(path, 'look at', error);
    }
  }

  #keepForNextTry(file: OpenFile): void {
    this.#keep(file);
    this.#idle.putOff();
  }

  #keep(file: OpenFile): void {
    if (this.#idle.hasRoom(file.path)) this.#idle.keep(file.passOn());
    else file.close();
  }
}

// Milliseconds.
const lookInterval = 200;
// A file that is removed repeatedly between open and lock. This is far above what 50 cleaners cause.
const maxRounds = 10_000;

/**
 * Wakes the first waiter, if one has left its wish; as this thread's slice says if `mayPass`. The wish is read after the
 * unlock: the waiter writes it before it tries the lock. So if the lock refused the waiter, the wish is found here; if it
 * is not found, the waiter's try comes after the unlock.
 */
export function wakeFirst(system: KernelSystem, file: OpenFile, mayPass?: boolean): void {
  try {
    const wish = readWish(file);
    if (wish === undefined) return;
    const wake = (): void => giveHint(system, file.path, wish.wakeFile);
    if (mayPass) sliceOf(file).release(wake);
    else wake();
  } catch {
    // The waiter sees the change at its next poll. The lock was released or changed before, so this is no failure.
  }
}

/** The turn of this thread at the lock of an open lock file. */
export function sliceOf(file: OpenFile): Slice {
  file.slice ??= new Slice();
  return file.slice;
}

/** Opens a lock file, and creates it if it does not exist. */
export function openLockFile(system: KernelSystem, path: string): OpenFile {
  return openOrCreate(
    path,
    () => openOwnedOrNot(system, path),
    () => createFile(dirname(path), path, system),
  );
}

// Only the owner of a file may use the flag O_NOATIME: reading then leaves no access time, which would cost a write of
// the inode.
function openOwnedOrNot(system: KernelSystem, path: string): OpenFile {
  try {
    return OpenFile.openToWrite(system, path, constants.O_NOATIME);
  } catch (error) {
    if (constants.O_NOATIME === undefined || (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    return OpenFile.openToWrite(system, path);
  }
}

function checkPlainFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new LockFileTypeError(path, kindOf(stats));
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
