import { isConcurrencyError } from '@oslo-concurrency/core';
import { LockNotHeldError } from '../errors.js';
import type { LockCall } from '../locking/call.js';
import type { HeldLock, LockBody } from '../locking/handles.js';
import { holdPlanned } from '../locking/hold.js';
import type { WaitOptions } from '../options/wait-options.js';

/**
 * A lock to keep in a variable: acquire it, release it, acquire it again. The object is the owner: a second `acquire`
 * waits its turn until the first was released, and `release()` by whoever has the object releases it.
 */
export abstract class LockObject implements AsyncDisposable {
  #held: HeldLock | undefined;

  /** The call to make; the base of all that is promised here is `lock()`. @internal */
  protected abstract plan(options: WaitOptions): LockCall;

  /** What error messages call it. */
  abstract readonly name: string;

  /** Whether this object holds its lock now. */
  get acquired(): boolean {
    return this.#held?.released === false;
  }

  /**
   * Waits for the lock and resolves to its handle; with `fn`, holds it around `fn` and passes its value on.
   *
   * Python's counterpart answers `False` when it did not get the lock; this one rejects, so that nobody goes on
   * without the lock by forgetting to look. {@link tryAcquire} answers.
   */
  acquire(options?: WaitOptions): Promise<HeldLock>;
  acquire<T>(fn: LockBody<T>): Promise<T>;
  acquire<T>(options: WaitOptions, fn: LockBody<T>): Promise<T>;
  acquire<T>(first: WaitOptions | LockBody<T> = {}, second?: LockBody<T>): Promise<T | HeldLock> {
    const plan = (options: WaitOptions): LockCall => this.plan(options);
    const onGrant = (held: HeldLock): void => {
      this.#held = held;
    };
    return holdPlanned(plan, first, second, onGrant);
  }

  /** Takes the lock if it is free now; `undefined` when it is not. Never waits. */
  async tryAcquire(): Promise<HeldLock | undefined> {
    try {
      return await this.acquire({ blocking: false });
    } catch (error) {
      if (isConcurrencyError(error, 'ERR_LOCK_NOT_ACQUIRED')) return undefined;
      throw error;
    }
  }

  /** Gives the lock back. @throws LockNotHeldError when this object does not hold it. */
  async release(): Promise<void> {
    if (this.#held === undefined || this.#held.released) throw new LockNotHeldError(this.name);
    await this.#held.release();
  }

  /** Gives the lock back if this object holds it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.acquired) await this.release();
  }
}

/** What the reader/writer locks of a process and between processes have in common. */
export abstract class ReaderWriterObject implements AsyncDisposable {
  readonly #readers = new Set<HeldLock>();
  readonly #writers = new Set<HeldLock>();

  /** What error messages call it. */
  abstract readonly name: string;

  /** The call to make. @internal */
  protected abstract plan(options: WaitOptions, shared: boolean): LockCall;

  /** Is told of each handle first. @internal */
  protected granted(_held: HeldLock): void {}

  /** Shares the lock with other readers: around `fn`, or until the handle is released. Never beside a writer. */
  readLock(options?: WaitOptions): Promise<HeldLock>;
  readLock<T>(fn: LockBody<T>): Promise<T>;
  readLock<T>(options: WaitOptions, fn: LockBody<T>): Promise<T>;
  readLock<T>(first: WaitOptions | LockBody<T> = {}, second?: LockBody<T>): Promise<T | HeldLock> {
    return this.#hold(true, first, second);
  }

  /** Has the lock alone: around `fn`, or until the handle is released. */
  writeLock(options?: WaitOptions): Promise<HeldLock>;
  writeLock<T>(fn: LockBody<T>): Promise<T>;
  writeLock<T>(options: WaitOptions, fn: LockBody<T>): Promise<T>;
  writeLock<T>(first: WaitOptions | LockBody<T> = {}, second?: LockBody<T>): Promise<T | HeldLock> {
    return this.#hold(false, first, second);
  }

  /** As {@link readLock}, until {@link releaseReadLock}. Python's answers a boolean; this one rejects. */
  async acquireReadLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#readers, await this.readLock(options));
  }

  /** As {@link writeLock}, until {@link releaseWriteLock}. */
  async acquireWriteLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#writers, await this.writeLock(options));
  }

  /** Releases what {@link acquireReadLock} acquired, the first of several. @throws LockNotHeldError */
  async releaseReadLock(): Promise<void> {
    await this.#releaseFirst(this.#readers);
  }

  /** Releases what {@link acquireWriteLock} acquired. @throws LockNotHeldError */
  async releaseWriteLock(): Promise<void> {
    await this.#releaseFirst(this.#writers);
  }

  /** Releases all that {@link acquireReadLock} and {@link acquireWriteLock} acquired. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of [...this.#readers, ...this.#writers]) await held.release();
    this.#readers.clear();
    this.#writers.clear();
  }

  async #releaseFirst(handles: Set<HeldLock>): Promise<void> {
    for (const held of handles) {
      // Removed before anybody can ask again, put back if the system fails.
      handles.delete(held);
      if (held.released) continue;
      try {
        return await held.release();
      } catch (error) {
        handles.add(held);
        throw error;
      }
    }
    throw new LockNotHeldError(this.name);
  }

  #hold<T>(shared: boolean, first: WaitOptions | LockBody<T>, second?: LockBody<T>): Promise<T | HeldLock> {
    const plan = (options: WaitOptions): LockCall => this.plan(options, shared);
    const onGrant = (held: HeldLock): void => this.granted(held);
    return holdPlanned(plan, first, second, onGrant);
  }
}

function kept(handles: Set<HeldLock>, held: HeldLock): HeldLock {
  // Handles that were released by themselves need no place here any more.
  for (const other of handles) if (other.released) handles.delete(other);
  handles.add(held);
  return held;
}
