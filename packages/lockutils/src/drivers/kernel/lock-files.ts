import type { Stats } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { LockUnsupportedError } from '../../errors.js';
import { closeQuietly, type KernelSystem } from './kernel-system.js';
import { checkPlainFile, explained, openLockFile } from './lock-file.js';

/** An open lock file and its identity, which cannot pass to another file while it is open. */
export interface OpenLockFile {
  readonly path: string;
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  /** Until then a refused try does not look whether the name still leads here. */
  lookAgain: number;
}

/**
 * Locks lock files, and keeps a few of them open for a moment after release, unlocked: who takes a lock again and
 * again saves half of its cost.
 *
 * An idle descriptor is no risk for exclusion: after each lock the name must lead to the very file that was locked, as
 * for one just opened. It reaches no child (O_CLOEXEC), is closed by an unreferenced timer, and is not kept where the
 * platform refuses to remove open files.
 */
export class LockFiles {
  readonly #system: KernelSystem;
  readonly #prepare: (path: string) => void;
  readonly #idle = new Map<string, OpenLockFile>();
  #sweeper: NodeJS.Timeout | undefined;
  #beginning = false;
  #used = false;

  /** `prepare` checks the directory; it is called before a lock file is opened. */
  constructor(system: KernelSystem, prepare: (path: string) => void) {
    this.#system = system;
    this.#prepare = prepare;
  }

  /** Locks the file that `path` leads to now; `undefined` when somebody else's lock is in the way. */
  tryLock(path: string, shared: boolean): OpenLockFile | undefined {
    const system = this.#system;
    for (let round = 0; round < maxRounds; round += 1) {
      const file = this.#take(path) ?? this.#open(path);
      let granted: boolean;
      let named: Stats | undefined;
      try {
        granted = system.tryLock(file.fd, 0, 0, shared);
        // A refusal by a file that is no longer the lock is seen a moment later; a grant by one, never let through.
        if (!granted && realTime.now() < file.lookAgain) {
          this.#keepForNextTry(file);
          return undefined;
        }
        if (!granted) file.lookAgain = realTime.now() + lookInterval;
        named = system.lstatSync(path);
      } catch (error) {
        this.close(file);
        throw explained(system, path, 'lock', error);
      }
      if (named !== undefined && named.ino === file.ino && named.dev === file.dev) {
        if (granted) return file;
        this.#keepForNextTry(file);
        return undefined;
      }
      // Removed or replaced meanwhile. What is locked here is nobody's lock any more, free or not: look again.
      this.close(file);
    }
    throw new LockUnsupportedError(path, 'The file system gives this file another identity each time it is looked at');
  }

  /** Unlocks and keeps the file for the next time, or closes it. */
  release(file: OpenLockFile): void {
    try {
      this.#system.unlock(file.fd, 0, 0);
    } catch {
      this.close(file);
      return;
    }
    this.#keep(file);
  }

  /** Closes the file, which unlocks it. Never throws: what close(2) reports does not keep the descriptor open. */
  close(file: OpenLockFile): void {
    closeQuietly(this.#system, file.fd, file.path);
  }

  #open(path: string): OpenLockFile {
    this.#prepare(path);
    const fd = openLockFile(this.#system, path);
    try {
      const stats = this.#system.fstatSync(fd);
      checkPlainFile(path, stats);
      return { path, fd, dev: stats.dev, ino: stats.ino, lookAgain: 0 };
    } catch (error) {
      closeQuietly(this.#system, fd, path);
      throw explained(this.#system, path, 'look at', error);
    }
  }

  #take(path: string): OpenLockFile | undefined {
    const file = this.#idle.get(path);
    if (file !== undefined) this.#idle.delete(path);
    return file;
  }

  #keep(file: OpenLockFile): void {
    if (!keepsDescriptors || this.#idle.has(file.path) || this.#idle.size >= maxIdle) {
      this.close(file);
      return;
    }
    this.#idle.set(file.path, file);
    this.#used = true;
    // Later: after a quiet time making a timer takes longer than the rest of a release, and the next in line still sleeps.
    if (this.#sweeper === undefined && !this.#beginning) {
      this.#beginning = true;
      void later.then(() => this.#beginSweeping());
    }
  }

  // Who polls would else be woken by the sweeper besides, four times a second for as long as it waits.
  #keepForNextTry(file: OpenLockFile): void {
    this.#keep(file);
    this.#sweeper?.refresh();
  }

  #beginSweeping(): void {
    this.#beginning = false;
    this.#sweeper ??= realTime.setInterval(() => this.#sweep(), sweepInterval).unref();
  }

  // Closes all after one quiet interval. Those in use come back to the map at each release.
  #sweep(): void {
    if (this.#used) {
      this.#used = false;
      return;
    }
    realTime.clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    for (const file of this.#idle.values()) this.close(file);
    this.#idle.clear();
  }
}

const later = Promise.resolve();
const keepsDescriptors = process.platform === 'linux';
const maxIdle = 16;
const sweepInterval = 250;
const lookInterval = 200;
// A file that is removed again and again between open and lock; far above what 50 cleaners do.
const maxRounds = 10_000;
