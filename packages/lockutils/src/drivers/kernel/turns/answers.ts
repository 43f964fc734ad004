import { realTime } from '@oslo-concurrency/core';
import type { LockFiles } from '../files/lock-files.js';
import type { OpenFile } from '../files/open-file.js';
import { readLockFile, type Wish } from '../files/wish.js';

// Milliseconds between two looks at a wish.
const answerTime = 45;

/**
 * Whether the first waiter reacts. It writes its wish again each time it looks, so a wish that does not change although
 * its waiter was woken is of a waiter that cannot act: its process was stopped, or its event loop is blocked.
 */
export class Answers {
  readonly #files: LockFiles;
  readonly #path: string;
  readonly #wake: (wakeFile: number) => void;
  #seen: Wish | undefined;
  #looks = 0;
  #next = realTime.now() + answerTime;

  constructor(files: LockFiles, path: string, wake: (wakeFile: number) => void) {
    this.#files = files;
    this.#path = path;
    this.#wake = wake;
  }

  /** Whether the owner of `ticket` may go before the waiters before it, because they do not react. */
  areMissing(queue: OpenFile, ticket: number): boolean {
    const now = realTime.now();
    if (now < this.#next) return false;
    this.#next = now + answerTime;
    const known = this.#read();
    if (known === undefined) return false;
    const { wish } = known;
    const same = wish?.ticket === this.#seen?.ticket && wish?.stamp === this.#seen?.stamp;
    this.#looks = same ? this.#looks + 1 : 0;
    this.#seen = wish;
    if (this.#looks === 1 && wish !== undefined) this.#wake(wish.wakeFile);
    if (this.#looks < 2) return false;
    // The waiters between them go first, if they react: then the wish is soon one of theirs.
    return (
      this.#looks >= 6 || (wish !== undefined && wish.ticket < ticket && isFreeBetween(queue, wish.ticket, ticket))
    );
  }

  /**
   * `undefined` if the file has neither a record nor a wish. Then nothing is known: the first waiter may be of an older
   * version, which leaves its wish only beside a record, or the disk has no room for it.
   */
  #read(): { readonly wish: Wish | undefined } | undefined {
    let known: { readonly wish: Wish | undefined } | undefined;
    try {
      this.#files.visit(this.#path, (file) => {
        const { found, wish } = readLockFile(file);
        if (wish !== undefined || found === 'released' || found === 'left') known = { wish };
      });
    } catch {
      return undefined;
    }
    return known;
  }
}

function isFreeBetween(queue: OpenFile, from: number, to: number): boolean {
  return to - from === 1 || queue.isFree(from + 1, to - from - 1);
}
