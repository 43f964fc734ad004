import { realTime } from '@oslo-concurrency/core';
import type { OpenFile } from './open-file.js';
import { clearMark } from './owner-mark.js';

// How long calls of one thread pass a lock on among themselves before it is unlocked for other processes. Milliseconds.
const slice = 1;
const mostFiles = 8;

/**
 * Lock files that a holder has released while another call of the same thread is next: the release grants the lock to
 * that call, without a system call. The call takes its file before this turn of the event loop is over.
 *
 * A file comes here locked, with the record of the holder that released it, and the kernel keeps other processes out.
 * The call that takes it writes its own record, if that differs, and need not read what the file says. If no call takes
 * it, because the next one gave up or has to queue, its record is cleared and it is unlocked at the end of the turn, or
 * when the process exits. A process that is killed in between dies as the holder that it had just made of the next call.
 * A process that is stopped here keeps the lock, as a stopped holder does.
 *
 * Other processes: a file comes here only within a slice that began when the kernel granted the lock. The first release
 * after that unlocks it. Then the next call tries the lock like any other process, under the rules for newcomers. So a
 * lock that many calls of one thread want is unlocked at least once in a slice and the hold that ends it, which is what
 * others would wait for one longer hold. No ticket is passed on: a holder that queued releases its lock and its place.
 */
export class PassedOn {
  /** Those that have something to do at the end of the turn. */
  static readonly #busy = new Set<PassedOn>();
  static #listens = false;
  // Mostly there is one.
  readonly #files: OpenFile[] = [];
  readonly #unlock: (file: OpenFile) => void;

  constructor(unlock: (file: OpenFile) => void) {
    this.#unlock = unlock;
  }

  /**
   * Keeps a locked file for the next call of this thread, unless its slice is over or some others are kept. Returns
   * whether it does: for the caller, the file is closed then.
   */
  keep(file: OpenFile): boolean {
    if (this.#files.length === mostFiles || realTime.now() >= file.lockedAt + slice) return false;
    this.#files.push(file.passOn());
    if (!PassedOn.#busy.has(this)) {
      PassedOn.#busy.add(this);
      realTime.setImmediate(() => this.#endTurn());
    }
    // One listener for all drivers of the thread.
    if (!PassedOn.#listens) {
      PassedOn.#listens = true;
      process.once('exit', () => {
        for (const one of PassedOn.#busy) one.#endTurn();
      });
    }
    return true;
  }

  /** The locked file of this path, with the record of the call that released it. The caller owns it from now on. */
  take(path: string): OpenFile | undefined {
    const at = this.#files.findIndex((kept) => kept.path === path);
    return at === -1 ? undefined : this.#files.splice(at, 1)[0];
  }

  #endTurn(): void {
    PassedOn.#busy.delete(this);
    for (const file of this.#files.splice(0)) {
      clearMark(file, 0);
      this.#unlock(file);
    }
  }
}
