import { isConcurrencyError } from '@oslo-concurrency/core';
import { LockNotHeldError } from '../errors/lock-errors.js';
import type { LockCall } from '../locking/call.js';
import type { HeldLock, LockBody } from '../locking/held/handles.js';
import { holdPlanned } from '../locking/hold.js';
import type { WaitOptions } from '../options/wait-options.js';

/**
 * A lock to keep in a variable and to acquire and release repeatedly. The object is the owner: a second `acquire` waits
 * until the first is released, and any code that has the object can call `release()`.
 */
export abstract class LockObject implements AsyncDisposable {
  #held: HeldLock | undefined;

  /** The call to make. Everything promised here rests on `lock()`. @internal */
  protected abstract plan(options: WaitOptions): LockCall;

  /** The name of the lock in error messages. */
  abstract readonly name: string;

  /** Whether this object holds its lock now. */
  get acquired(): boolean {
    return this.#held?.released === false;
  }

  /**
   * Waits for the lock and resolves to its handle. With `fn`, holds the lock while `fn` runs and resolves to the value
   * of `fn`.
   *
   * Python's counterpart returns `False` if it does not acquire the lock. This one rejects, so that no caller goes on
   * without the lock by forgetting to check a result. {@link tryAcquire} returns a result instead.
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

  /** Acquires the lock if it is free now, otherwise resolves to `undefined`. Never waits. */
  async tryAcquire(): Promise<HeldLock | undefined> {
    try {
      return await this.acquire({ blocking: false });
    } catch (error) {
      if (isConcurrencyError(error, 'ERR_LOCK_NOT_ACQUIRED')) return undefined;
      throw error;
    }
  }

  /** Releases the lock. @throws LockNotHeldError if this object does not hold it. */
  async release(): Promise<void> {
    if (this.#held === undefined || this.#held.released) throw new LockNotHeldError(this.name);
    await this.#held.release();
  }

  /** Releases the lock if this object holds it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.acquired) await this.release();
  }
}

/** The common part of the reader/writer locks of a process and between processes. */
export abstract class ReaderWriterObject implements AsyncDisposable {
  readonly #readers = new Set<HeldLock>();
  readonly #writers = new Set<HeldLock>();

  /** The name of the lock in error messages. */
  abstract readonly name: string;

  /** The call to make. @internal */
  protected abstract plan(options: WaitOptions, shared: boolean): LockCall;

  /** Called with each handle before the caller receives it. @internal */
  protected granted(_held: HeldLock): void {}

  /**
   * Shares the lock with other readers while `fn` runs, or until the handle is released. Never together with a writer.
   */
  readLock(options?: WaitOptions): Promise<HeldLock>;
  readLock<T>(fn: LockBody<T>): Promise<T>;
  readLock<T>(options: WaitOptions, fn: LockBody<T>): Promise<T>;
  readLock<T>(first: WaitOptions | LockBody<T> = {}, second?: LockBody<T>): Promise<T | HeldLock> {
    return this.#hold(true, first, second);
  }

  /** Holds the lock exclusively while `fn` runs, or until the handle is released. */
  writeLock(options?: WaitOptions): Promise<HeldLock>;
  writeLock<T>(fn: LockBody<T>): Promise<T>;
  writeLock<T>(options: WaitOptions, fn: LockBody<T>): Promise<T>;
  writeLock<T>(first: WaitOptions | LockBody<T> = {}, second?: LockBody<T>): Promise<T | HeldLock> {
    return this.#hold(false, first, second);
  }

  /** As {@link readLock}, until {@link releaseReadLock}. Python's returns a boolean; this one rejects. */
  async acquireReadLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#readers, await this.readLock(options));
  }

  /** As {@link writeLock}, until {@link releaseWriteLock}. */
  async acquireWriteLock(options: WaitOptions = {}): Promise<HeldLock> {
    return kept(this.#writers, await this.writeLock(options));
  }

  /** Releases the oldest lock that {@link acquireReadLock} acquired and that is still held. @throws LockNotHeldError */
  async releaseReadLock(): Promise<void> {
    await this.#releaseFirst(this.#readers);
  }

  /** Releases the lock that {@link acquireWriteLock} acquired. @throws LockNotHeldError */
  async releaseWriteLock(): Promise<void> {
    await this.#releaseFirst(this.#writers);
  }

  /** Releases every lock that {@link acquireReadLock} and {@link acquireWriteLock} acquired. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of [...this.#readers, ...this.#writers]) await held.release();
    this.#readers.clear();
    this.#writers.clear();
  }

  async #releaseFirst(handles: Set<HeldLock>): Promise<void> {
    for (const held of handles) {
      // Removed before another call can find it; put back if the system fails to release it.
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
  // Handles that were released directly are no longer needed here.
  for (const other of handles) if (other.released) handles.delete(other);
  handles.add(held);
  return held;
}
