import { realTime } from '@oslo-concurrency/core';
import { runSync } from '../../../steps.js';
import type { IdleFiles } from '../../idle-files.js';
import { Slice } from '../../slice.js';
import type { LockfileFs } from '../system.js';
import { OwnFolder } from './own-folder.js';
import { wakeFirst } from './waiters.js';

// Eventual fairness, as `Slice` explains it, with two differences. The wish of a waiter is its ticket: the release wakes
// the first one in the queue (see `waiters.ts`), so a grant has nothing to write for the next waiter. And a newcomer looks
// at the queue before it tries, so that its try refuses nobody.
//
// Only for lock paths on a local file system: elsewhere a hint reaches no other machine, and the lock would stay free
// until the first waiter polls.

/** The turn of one thread at a lock that others want too. It is forgotten when the thread goes on without the lock. */
export class Turn {
  readonly slice = new Slice();
  readonly fs: LockfileFs;
  readonly path: string;
  /** Whether this thread asks for the lock again in the turn of the event loop in which it released it. */
  comesBack = false;
  readonly #ready: IdleFiles<OwnFolder>;
  readonly #forget: () => void;
  /** How many calls of this thread wait for the lock or hold it. */
  #calls = 0;
  #ending = false;

  /** `ready`: where folders that lie in `new/` are kept for the next call. */
  constructor(fs: LockfileFs, path: string, ready: IdleFiles<OwnFolder>, forget: () => void) {
    this.fs = fs;
    this.path = path;
    this.#ready = ready;
    this.#forget = forget;
  }

  /** Whether a newcomer of this thread has to queue. */
  mustQueue(): boolean {
    if (!this.slice.hasGivenWay() && this.slice.isOver) {
      // A wake may have been put off, and a thread that stops to wait does not come to the end of its turn.
      this.slice.giveWay();
      this.wake();
    }
    return this.slice.hasGivenWay();
  }

  /** Wakes the first waiter. If there is none, this thread has given way to nobody, and need not queue. */
  wake(): void {
    if (!runSync(wakeFirst(this.fs, this.path))) this.slice.begin();
  }

  /** A folder to move in with. */
  folder(label: string | undefined): OwnFolder {
    const ready = this.#ready.take(this.path);
    if (ready !== undefined && ready.label === label) return ready;
    ready?.close();
    return new OwnFolder(this.fs, this.path, label);
  }

  /** A call of this thread begins to wait for the lock, or to hold it. */
  enter(): void {
    this.#calls += 1;
    if (this.#ending) this.comesBack = true;
  }

  /** That call is over. `ready`: its folder, if that lies in `new/` for the next call. */
  exit(ready?: OwnFolder): void {
    this.#calls -= 1;
    if (ready !== undefined && this.#ready.hasRoom(this.path)) this.#ready.keep(ready);
    else ready?.close();
    if (this.#ending) return;
    this.#ending = true;
    realTime.setImmediate(() => {
      this.#ending = false;
      if (this.#calls > 0) return;
      this.#ready.take(this.path)?.close();
      this.#forget();
    });
  }
}
