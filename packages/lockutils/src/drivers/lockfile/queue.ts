import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { newIdentityName, parseIdentityName } from '../../owner/identity-name.js';
import { isStopped, type Liveness, liveness } from '../../owner/liveness.js';
import type { ProcessIdentity } from '../../owner/process-identity.js';
import { type Steps, step } from '../../steps.js';
import { intoFolder, lockPathsOf, type Remake } from './lock-paths.js';
import { discardOwnerFile, makeMeetingFolder, prepareOwnerFile } from './owner-file.js';
import { isCode, type LockfileFs, namesIn, quietly, removed } from './system.js';

// Milliseconds in the queue after which a waiter ignores the stopped ones before it.
const stoppedPatience = 200;

// Each round means that others joined or left in the meantime. At this number, the folders themselves are being
// removed.
const maxRounds = 1000;

/**
 * One place in the queue of a lock: the folder `queue/NAME/NUMBER` with our owner file in it, moved in complete like
 * the lock.
 *
 * *Join*: take the highest existing number plus one; the rename fails if another process took it first. Then look
 * again: if a higher number exists, take ours back and start again. Why this is first come, first served: when a join
 * ends, its last look came after its number was in place, and showed no higher number. So every process that had joined
 * before has a lower number, or has left. And while it is there, no join ends with a lower number. One of several
 * racing processes has the highest number, so one join ends.
 *
 * *First* is the waiter that sees no lower number whose owner may be alive. The waiters behind remove the tickets of
 * dead owners, by the unique name of the owner file, so no other ticket is affected. An empty folder belongs to no
 * process.
 *
 * A crash leaves: before the rename, a folder in `new/` to be removed later; after it, the ticket of a dead owner; in
 * the middle of leaving, an empty folder. The waiters behind a stopped one (SIGSTOP) pass it after
 * {@link stoppedPatience} ms, because it could not acquire the lock when its turn comes. When it continues, it competes
 * with the waiters that passed it. Only the order relies on the queue.
 */
export class TicketFolder {
  /** Our number, known after {@link join}. */
  number = 0;
  /** The folder of the ticket before ours at the last {@link isFirst}. When it goes, another look is worthwhile. */
  before: string | undefined;
  /** The owner file of the first waiter that the last {@link isFirst} found before us. */
  first = '';
  #nextLook = realTime.now() + stoppedPatience;
  readonly #fs: LockfileFs;
  readonly #lockFile: string;
  readonly #queue: string;
  readonly #remake: Remake;
  readonly #prepared: string;
  readonly #own: string;
  readonly #livenessOf: (identity: ProcessIdentity) => Liveness;

  /** `own` and `livenessOf` are for tests of the protocol. */
  constructor(
    fs: LockfileFs,
    lockFile: string,
    own = newIdentityName(),
    livenessOf: (identity: ProcessIdentity) => Liveness = liveness,
  ) {
    const { extra, prepared, remake } = lockPathsOf(lockFile);
    this.#fs = fs;
    this.#lockFile = lockFile;
    this.#queue = extra;
    this.#remake = remake;
    this.#prepared = join(prepared, own);
    this.#own = own;
    this.#livenessOf = livenessOf;
  }

  /**
   * Joins the queue. Never waits for another process. `isPrepared`: our owner file lies in `new/` already. Returns whether
   * a ticket of ours was there for a moment and was taken back: others may have taken us for the first waiter.
   */
  *join(label: string | undefined, isPrepared = false): Steps<boolean> {
    let tookBack = false;
    try {
      if (!isPrepared) yield* prepareOwnerFile(this.#fs, this.#lockFile, this.#own, { label });
      for (let round = 1; ; round += 1) {
        const number = ((yield* this.#numbers()).at(-1) ?? 0) + 1;
        // Set before the number is taken: if the answer is lost, the ticket must not stay behind.
        this.number = number;
        if (!(yield* this.#take(number, round))) continue;
        if (((yield* this.#numbers()).at(-1) ?? 0) <= number) return tookBack;
        tookBack = true;
        const [from, to] = [this.folder(number), this.#prepared];
        yield* intoFolder(this.#fs, this.#remake, () => this.#fs.rename(from, to), from);
      }
    } catch (error) {
      yield* discardOwnerFile(this.#fs, this.#prepared, this.#own);
      yield* discardOwnerFile(this.#fs, this.folder(), this.#own);
      throw error;
    }
  }

  /**
   * Whether every earlier waiter has gone, but for those that `passes` names by their owner files. Removes the tickets of
   * dead waiters. With `passes`, stopped waiters do not count from the beginning.
   */
  *isFirst(passes?: (name: string) => boolean): Steps<boolean> {
    const pastStopped = passes !== undefined || realTime.now() > this.#nextLook;
    if (pastStopped) this.#nextLook = realTime.now() + stoppedPatience;
    const earlier = (yield* this.#numbers()).filter((number) => number < this.number);
    const last = earlier.at(-1);
    this.before = last === undefined ? undefined : this.folder(last);
    for (const number of earlier) if (yield* this.#isTaken(number, pastStopped, passes)) return false;
    return true;
  }

  /** Gives up the place. Has no effect when called again. */
  *leave(): Steps<void> {
    yield* removed(this.#fs, join(this.folder(), this.#own));
    yield* quietly(() => this.#fs.rmdir(this.folder()));
    yield* quietly(() => this.#fs.rmdir(this.#queue));
  }

  *#take(number: number, round: number): Steps<boolean> {
    try {
      yield* step(this.#fs.rename(this.#prepared, this.folder(number)));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      // An answer may have been lost, and some systems report EPERM for "exists".
      const names = yield* namesIn(this.#fs, this.folder(number));
      if (names.length > 0) return names.includes(this.#own);
      if (!isCode(error, 'ENOENT') || round > maxRounds) throw error;
      // Another process has created the queue, or removed it again because it was empty: the next round shows which.
      yield* makeMeetingFolder(this.#fs, this.#lockFile, newIdentityName(), this.#queue);
      return false;
    }
  }

  *#isTaken(number: number, pastStopped: boolean, passes?: (name: string) => boolean): Steps<boolean> {
    const folder = this.folder(number);
    let taken = false;
    let passed = false;
    for (const name of yield* namesIn(this.#fs, folder)) {
      const identity = parseIdentityName(name);
      if (identity !== undefined && this.#livenessOf(identity) === 'dead') {
        yield* quietly(() => this.#fs.unlink(join(folder, name)));
      } else if (passes?.(name) || (pastStopped && identity !== undefined && isStopped(identity))) passed = true;
      else {
        this.first = name;
        taken = true;
      }
    }
    if (!taken && !passed) yield* quietly(() => this.#fs.rmdir(folder));
    return taken;
  }

  *#numbers(): Steps<number[]> {
    return ticketsIn(yield* namesIn(this.#fs, this.#queue));
  }

  /** The folder of a ticket, by default of ours. */
  folder(number = this.number): string {
    return join(this.#queue, String(number));
  }
}

/** The numbers of the tickets in a queue that contains `names`, in order. */
export function ticketsIn(names: readonly string[]): number[] {
  const numbers = names.filter((name) => /^\d{1,15}$/.test(name)).map(Number);
  return numbers.sort((a, b) => a - b);
}
