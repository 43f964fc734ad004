import type { Stats } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { LockUnsupportedError } from '../../errors.js';
import { IdleFiles } from '../idle-files.js';
import { checkPlainFile, explained, openLockFile } from './lock-file.js';
import type { OpenFile } from './open-file.js';
import type { KernelSystem } from './system.js';

/** An open lock file and its identity, which cannot pass to another file while it is open. */
export interface OpenLockFile {
  readonly path: string;
  readonly file: OpenFile;
  readonly dev: number;
  readonly ino: number;
  /** Until then a refused try does not look whether the name still leads here. */
  lookAgain: number;
  close(): void;
}

/**
 * Locks lock files, and keeps a few of them open for a moment after release, unlocked (see {@link IdleFiles}).
 *
 * An idle descriptor is no risk for exclusion: after each lock the name must lead to the very file that was locked, as
 * for one just opened. It reaches no child (O_CLOEXEC). It has an owner of its own: whoever released it cannot use it.
 */
export class LockFiles {
  readonly #system: KernelSystem;
  readonly #prepare: (path: string) => void;
  readonly #idle = new IdleFiles<OpenLockFile>();

  /** `prepare` checks the directory; it is called before a lock file is opened. */
  constructor(system: KernelSystem, prepare: (path: string) => void) {
    this.#system = system;
    this.#prepare = prepare;
  }

  /** Locks the file that `path` leads to now; `undefined` when somebody else's lock is in the way. */
  tryLock(path: string, shared: boolean): OpenLockFile | undefined {
    const system = this.#system;
    for (let round = 0; round < maxRounds; round += 1) {
      const opened = this.#idle.take(path) ?? this.#open(path);
      let granted: boolean;
      let named: Stats | undefined;
      try {
        granted = opened.file.tryLock(0, 0, shared);
        // A refusal by a file that is no longer the lock is seen a moment later; a grant by one, never let through.
        if (!granted && realTime.now() < opened.lookAgain) {
          this.#keepForNextTry(opened);
          return undefined;
        }
        if (!granted) opened.lookAgain = realTime.now() + lookInterval;
        named = system.lstatSync(path);
      } catch (error) {
        opened.close();
        throw explained(system, path, 'lock', error);
      }
      if (named !== undefined && named.ino === opened.ino && named.dev === opened.dev) {
        if (granted) return opened;
        this.#keepForNextTry(opened);
        return undefined;
      }
      // Removed or replaced meanwhile. What is locked here is nobody's lock any more, free or not: look again.
      opened.close();
    }
    throw new LockUnsupportedError(path, 'The file system gives this file another identity each time it is looked at');
  }

  /**
   * Whether a locked file is still the lock: the name leads to it. When the system does not tell, or tells another
   * identity of the open file itself now, nothing was seen, and the answer is yes.
   */
  isTheLock({ path, file, dev, ino }: OpenLockFile): boolean {
    try {
      const named = this.#system.lstatSync(path);
      if (named !== undefined && named.ino === ino && named.dev === dev) return true;
      const own = file.stat();
      return named !== undefined && (own.ino !== ino || own.dev !== dev);
    } catch {
      return true;
    }
  }

  /** Unlocks and keeps the file for the next time, or closes it. The caller's is closed from now on. */
  release(released: OpenLockFile): void {
    try {
      released.file.unlock(0, 0);
    } catch {
      released.close();
      return;
    }
    this.#keep(released);
  }

  #open(path: string): OpenLockFile {
    this.#prepare(path);
    const file = openLockFile(this.#system, path);
    try {
      const stats = file.stat();
      checkPlainFile(path, stats);
      return lockFileOf(file, stats.dev, stats.ino, 0);
    } catch (error) {
      file.close();
      throw explained(this.#system, path, 'look at', error);
    }
  }

  #keep(released: OpenLockFile): void {
    const { path, dev, ino, lookAgain } = released;
    if (this.#idle.hasRoom(path)) this.#idle.keep(lockFileOf(released.file.passOn(), dev, ino, lookAgain));
    else released.close();
  }

  #keepForNextTry(refused: OpenLockFile): void {
    this.#keep(refused);
    this.#idle.putOff();
  }
}

function lockFileOf(file: OpenFile, dev: number, ino: number, lookAgain: number): OpenLockFile {
  return { path: file.path, file, dev, ino, lookAgain, close: () => file.close() };
}

const lookInterval = 200;
// A file that is removed again and again between open and lock; far above what 50 cleaners do.
const maxRounds = 10_000;
