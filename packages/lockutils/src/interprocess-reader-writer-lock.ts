import { type Acquisition, planIn } from './acquisition.js';
import type { HeldLock } from './held-lock.js';
import { checkInterProcessOptions, type InterProcessLockOptions } from './interprocess-options.js';
import { TurnRegistry } from './local/turn-registry.js';
import { lockFileAt } from './lock-file-at.js';
import { LockNotHeldError } from './lock-not-held-error.js';
import { ReaderWriterObject } from './reader-writer-object.js';
import type { WaitOptions } from './wait-options.js';

/**
 * Readers share a lock file, a writer has it alone, between processes. Served in order of arrival, so that a stream of
 * readers cannot keep a writer out.
 *
 * It excludes the same as {@link InterProcessLock} does, Python's `InterProcessReaderWriterLock` included; readers of
 * both languages share. Python's keeps no order: its readers can pass a writer that waits here.
 *
 * Python's counterpart: `fasteners.InterProcessReaderWriterLock`.
 * @example
 * const lock = new InterProcessReaderWriterLock('/run/lock/index.lock');
 * const rows = await lock.readLock(() => load());
 */
export class InterProcessReaderWriterLock extends ReaderWriterObject implements AsyncDisposable {
  /** The lock file, absolute. */
  readonly path: string;
  readonly #options: InterProcessLockOptions;
  readonly #registry = new TurnRegistry();
  readonly #readers = new Set<HeldLock>();
  readonly #writers = new Set<HeldLock>();

  /** @throws InvalidOptionError, InvalidLockNameError. Nothing is opened. */
  constructor(path: string, options: InterProcessLockOptions = {}) {
    super();
    this.path = lockFileAt(path);
    checkInterProcessOptions(options);
    this.#options = options;
  }

  /** As {@link readLock}, to be given back by {@link releaseReadLock}. Python's answers a boolean; this one rejects. */
  async acquireReadLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#readers, await this.readLock(options));
  }

  /** As {@link writeLock}, to be given back by {@link releaseWriteLock}. */
  async acquireWriteLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#writers, await this.writeLock(options));
  }

  /** Gives back what {@link acquireReadLock} took, the first of several. @throws LockNotHeldError */
  async releaseReadLock(): Promise<void> {
    await this.#releaseFirst(this.#readers);
  }

  /** Gives back what {@link acquireWriteLock} took. @throws LockNotHeldError */
  async releaseWriteLock(): Promise<void> {
    await this.#releaseFirst(this.#writers);
  }

  /** Gives back all that {@link acquireReadLock} and {@link acquireWriteLock} took. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of [...this.#readers, ...this.#writers]) await held.release();
    this.#readers.clear();
    this.#writers.clear();
  }

  async #releaseFirst(handles: Set<HeldLock>): Promise<void> {
    for (const held of handles) {
      // Taken out before anybody can ask again, put back if the system fails.
      handles.delete(held);
      if (held.released) continue;
      try {
        return await held.release();
      } catch (error) {
        handles.add(held);
        throw error;
      }
    }
    throw new LockNotHeldError(this.path);
  }

  protected override plan(options: WaitOptions, shared: boolean): Acquisition {
    return planIn(this.#registry, this.path, this.path, { doLog: false, ...this.#options, ...options, shared });
  }
}

function kept(handles: Set<HeldLock>, held: HeldLock): HeldLock {
  // Handles that were released by themselves need no place here any more.
  for (const other of handles) if (other.released) handles.delete(other);
  handles.add(held);
  return held;
}
