import { realTime } from '@oslo-concurrency/core';
import type { OpenFile } from './open-file.js';

// How long calls of one thread pass a lock on among themselves before it is unlocked for other processes. Milliseconds.
const slice = 1;

/**
 * Lock files that a holder has released while another call of the same thread is next: they stay locked until that call
 * takes them, without a system call.
 *
 * When a file comes here, its mark says that it was released: no call holds the lock, and the kernel keeps other
 * processes out. A call that takes the file holds the lock as if it had locked the file then, and writes its
 * own record, but need not read what the file says. If no call takes it, because the next one gave up or has to queue,
 * it is unlocked at the end of the turn of the event loop. A process that ends or is killed frees it at once; the mark reports no dead holder then, and there
 * was none. A process that is stopped here keeps the lock, as a stopped holder does.
 *
 * Other processes: a file comes here only within a slice that began when the kernel granted the lock. The first release
 * after that unlocks it. Then the next call tries the lock like any other process, under the rules for newcomers. So a
 * lock that many calls of one thread want is unlocked at least once in a slice and the hold that ends it, which is what
 * others would wait for one longer hold. No ticket is passed on: a holder that queued releases its lock and its place.
 */
export class PassedOn {
  readonly #files = new Map<string, OpenFile>();
  readonly #unlock: (file: OpenFile) => void;
  #ending = false;

  constructor(unlock: (file: OpenFile) => void) {
    this.#unlock = unlock;
  }

  /** Keeps a locked file for the next call of this thread. For the caller, it is closed from now on. */
  keep(file: OpenFile): void {
    if (realTime.now() >= file.lockedAt + slice || this.#files.has(file.path)) {
      this.#unlock(file);
      return;
    }
    const kept = file.passOn();
    kept.passedOn = true;
    this.#files.set(file.path, kept);
    if (this.#ending) return;
    this.#ending = true;
    realTime.setImmediate(() => this.#endTurn());
  }

  /** The locked file of this path. The caller owns it from now on. */
  take(path: string): OpenFile | undefined {
    const file = this.#files.get(path);
    if (file !== undefined) this.#files.delete(path);
    return file;
  }

  #endTurn(): void {
    this.#ending = false;
    for (const file of this.#files.values()) this.#unlock(file);
    this.#files.clear();
  }
}
