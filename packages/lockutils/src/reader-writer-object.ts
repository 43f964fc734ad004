import type { Acquisition } from './acquisition.js';
import type { HeldLock } from './held-lock.js';
import { holdPlanned, type LockBody } from './hold.js';
import type { WaitOptions } from './wait-options.js';

/** What the reader/writer locks of a process and between processes have in common. */
export abstract class ReaderWriterObject {
  /** The call to make. @internal */
  protected abstract plan(options: WaitOptions, shared: boolean): Acquisition;

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

  #hold<T>(shared: boolean, first: WaitOptions | LockBody<T>, second?: LockBody<T>): Promise<T | HeldLock> {
    return holdPlanned(
      (options) => this.plan(options, shared),
      first,
      second,
      (held) => this.granted(held),
    );
  }
}
