import { runSync } from '../../../steps.js';
import { atEndOfTurn, noticeExit } from '../../end-of-turn.js';
import type { IdleFiles } from '../../idle-files.js';
import { Slice } from '../../slice.js';
import type { LockfileFs } from '../system.js';
import { OwnFolder } from './own-folder.js';
import { type Queued, wakeFirst } from './waiters.js';

// Eventual fairness, as `Slice` explains it, with two differences. The wish of a waiter is its ticket: the release wakes
// the first one in the queue (see `waiters.ts`), so a grant has nothing to write for the next waiter. And a newcomer looks
// at the queue before it tries, so that its try refuses nobody.
//
// A turn decides only which calls try, and which waiter a release wakes; the rename to the lock decides which call holds it
// (`OwnFolder`). So a thread that is stopped or killed at any point here keeps nothing but what it holds: a wake that it
// owed costs the first waiter one poll, and its own ticket is passed or removed by those behind it.
//
// Only for lock paths on a local file system: elsewhere a hint reaches no other machine, and the lock would stay free
// until the first waiter polls.

/** The turn of one thread at a lock that others want too. It is forgotten when the thread goes on without the lock. */
export class Turn implements Queued {
  // A hand-over costs about 1 ms here, three times as much as with the kernel driver.
  readonly slice = new Slice(12);
  readonly fs: LockfileFs;
  readonly lockFile: string;
  /** Whether this thread asks for the lock again in the turn of the event loop in which it released it. */
  comesBack = false;
  readonly #ready: IdleFiles<OwnFolder>;
  readonly #forget: () => void;
  /** How many calls of this thread wait for the lock or hold it. */
  #calls = 0;
  #ending = false;

  /** `ready`: where folders that lie in `new/` are kept for the next call. */
  constructor(fs: LockfileFs, lockFile: string, ready: IdleFiles<OwnFolder>, forget: () => void) {
    this.fs = fs;
    this.lockFile = lockFile;
    this.#ready = ready;
    this.#forget = forget;
    noticeExit();
  }

  /** Whether a newcomer of this thread has to queue. */
  mustQueue(): boolean {
    const { slice } = this;
    if (!slice.hasGivenWay() && slice.isOver) {
      // A wake may have been put off, and a thread that stops to wait does not come to the end of its turn.
      slice.giveWay();
      this.wake();
    }
    return slice.hasGivenWay();
  }

  /** Wakes the first waiter. If there is none, this thread has given way to nobody, and need not queue. */
  wake(): void {
    if (!runSync(wakeFirst(this))) this.slice.begin();
  }

  /** A folder to move in with. */
  folder(label: string | undefined): OwnFolder {
    const ready = this.#ready.take(this.lockFile);
    if (ready?.isIn() && ready.label === label) return ready;
    ready?.close();
    return new OwnFolder(this.fs, this.lockFile, label);
  }

  /** A call of this thread begins to wait for the lock, or to hold it. */
  enter(): void {
    this.#calls += 1;
    if (this.#ending) this.comesBack = true;
  }

  /** That call is over. `ready`: its folder, for the next call. */
  exit(ready?: OwnFolder): void {
    this.#calls -= 1;
    if (ready !== undefined && this.#ready.hasRoom(this.lockFile)) this.#ready.keep(ready);
    else ready?.close();
    this.#ending ||= atEndOfTurn(this.#end);
    // The thread exits.
    if (!this.#ending) this.#end();
  }

  // At the end of the turn of the event loop, or at the exit.
  readonly #end = (): void => {
    this.#ending = false;
    this.#ready.take(this.lockFile)?.close();
    if (this.#calls === 0) this.#forget();
  };
}
