import { realTime } from '@oslo-concurrency/core';
import { atEndOfTurn, noticeExit } from '../../end-of-turn.js';
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
 * before, when the process exits or the thread stops in `lockSync`. A process that is killed in between dies as the
 * holder that it had just made of the next call. A process that is stopped here keeps the lock, as a stopped holder does.
 *
 * Other processes: a file comes here only within a slice that began when the kernel granted the lock. The first release
 * after that unlocks it. Then the next call tries the lock like any other process, under the rules for newcomers. So a
 * lock that many calls of one thread want is unlocked at least once in a slice and the hold that ends it, which is what
 * others would wait for one longer hold. No ticket is passed on: a holder that queued releases its lock and its place.
 */
export class PassedOn {
  // Mostly there is one.
  readonly #files: OpenFile[] = [];
  readonly #unlock: (file: OpenFile) => void;

  constructor(unlock: (file: OpenFile) => void) {
    this.#unlock = unlock;
    noticeExit();
  }

  /**
   * Keeps a locked file for the next call of this thread, unless its slice is over or some others are kept. Returns
   * whether it does: for the caller, the file is closed then.
   */
  keep(file: OpenFile): boolean {
    // If our record could not be written, a dead owner's may stand there: kept, it would report that death once more.
    if (file.record === undefined || this.#files.length === mostFiles) return false;
    if (realTime.now() >= file.lockedAt + slice || !atEndOfTurn(this.#endTurn)) return false;
    this.#files.push(file.passOn());
    return true;
  }

  /**
   * The locked file of this path, with the record of the call that released it. The caller owns it from now on. If it
   * asks for a shared lock, the next call did not come, and the file is unlocked for the caller to lock.
   */
  take(path: string, shared: boolean): OpenFile | undefined {
    const file = this.#files.find((kept) => kept.path === path);
    if (file === undefined) return undefined;
    if (file === this.#files.at(-1)) this.#files.pop();
    else this.#files.splice(this.#files.indexOf(file), 1);
    if (!shared) return file;
    this.#end(file);
    return undefined;
  }

  readonly #endTurn = (): void => {
    for (const file of this.#files.splice(0)) this.#end(file);
  };

  #end(file: OpenFile): void {
    clearMark(file, 0);
    this.#unlock(file);
  }
}
