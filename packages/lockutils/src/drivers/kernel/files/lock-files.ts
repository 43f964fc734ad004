import { constants, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { LockFileTypeError, LockUnsupportedError } from '../../../errors.js';
import { createFile } from '../../../lock-path/new-file.js';
import { fileError } from '../../file-errors.js';
import { IdleFiles } from '../../idle-files.js';
import type { KernelSystem } from '../system.js';
import { OpenFile, openOrCreate } from './open-file.js';

/** An open lock file and its identity, which cannot pass to another file while it is open. */
export interface OpenLockFile {
  readonly path: string;
  readonly file: OpenFile;
  readonly dev: number;
  readonly ino: number;
  /** Until this time, a failed try does not check whether the name still leads to this file. */
  lookAgain: number;
  close(): void;
}

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
  readonly #idle = new IdleFiles<OpenLockFile>();

  /** `prepare` checks the directory. It is called before a lock file is opened. */
  constructor(system: KernelSystem, prepare: (path: string) => void) {
    this.#system = system;
    this.#prepare = prepare;
  }

  /** Locks the file that `path` leads to now; `undefined` if another lock is in the way. */
  tryLock(path: string, shared: boolean): OpenLockFile | undefined {
    const system = this.#system;
    for (let round = 0; round < maxRounds; round += 1) {
      const opened = this.#idle.take(path) ?? this.#open(path);
      let granted: boolean;
      let named: Stats | undefined;
      try {
        granted = opened.file.tryLock(0, 0, shared);
        // If a file that is no longer the lock refuses, this is noticed a moment later. A grant by such a file is never
        // accepted.
        if (!granted && realTime.now() < opened.lookAgain) {
          this.#keepForNextTry(opened);
          return undefined;
        }
        if (!granted) opened.lookAgain = realTime.now() + lookInterval;
        named = system.lstatSync(path);
      } catch (error) {
        opened.close();
        throw fileError(path, 'lock', error);
      }
      if (named !== undefined && named.ino === opened.ino && named.dev === opened.dev) {
        if (granted) return opened;
        this.#keepForNextTry(opened);
        return undefined;
      }
      // It was removed or replaced in the meantime. This file is no longer the lock, whether it is locked or not: try
      // again.
      opened.close();
    }
    throw new LockUnsupportedError(path, 'The file system reports another identity for this file at each look');
  }

  /**
   * Whether a locked file is still the lock: the name leads to it. If the system reports an error, or reports another
   * identity for the open file itself now, nothing is known, and the answer is yes.
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

  /** Unlocks the file and keeps it for the next time, or closes it. For the caller, it is closed from now on. */
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
      throw fileError(path, 'look at', error);
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

function lockFileOf(file: OpenFile, dev: number, ino: number, lookAgain: number): OpenLockFile {
  return { path: file.path, file, dev, ino, lookAgain, close: () => file.close() };
}

const lookInterval = 200;
// A file that is removed repeatedly between open and lock. This is far above what 50 cleaners cause.
const maxRounds = 10_000;
