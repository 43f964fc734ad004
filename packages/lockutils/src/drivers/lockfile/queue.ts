import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { newIdentityName, parseIdentityName } from '../../owner/identity-name.js';
import { type Liveness, liveness } from '../../owner/liveness.js';
import type { ProcessIdentity } from '../../owner/process-identity.js';
import { isStopped } from '../../owner/stopped.js';
import { type Steps, step } from '../../steps.js';
import { lockPathsOf } from './lock-paths.js';
import { discardOwnerFile, isCode, makeMeetingFolder, namesIn, prepareOwnerFile, quietly } from './owner-file.js';
import type { LockfileFs } from './system.js';

// Milliseconds in line after which one looks past those that are stopped.
const stoppedPatience = 200;

// Each means that others joined or left meanwhile; so many, that the folders themselves are being removed.
const maxRounds = 1000;

/**
 * One place in the line of a lock: the folder `queue/NAME/NUMBER` with our owner file in it, moved in whole like the lock.
 *
 * *Join*: take the highest number there is plus one; the rename fails if somebody else took it first. Then look again: if
 * a higher number is there, take ours back and start anew. Why this is first come, first served: when a join ends, its
 * last look came after its number was in place and showed no higher one. So whoever had joined before it is there with a
 * lower number, or has left. And while it is there nobody's join ends with a lower number. One of those who race has the
 * highest number, so one ends.
 *
 * *First* is who sees no lower number whose owner may be alive. The tickets of the dead are removed by those behind, by
 * the owner file's unique name, so nobody else's is hit. An empty folder is nobody's.
 *
 * A crash leaves, before the rename, a folder in `new/` to be swept; after it a ticket of somebody dead; in the middle of
 * leaving an empty folder. Those behind one that is stopped (SIGSTOP) pass it after {@link stoppedPatience} ms, as it
 * could not take the lock if offered; when it goes on it competes with who passed it. Only order rests on the line.
 */
export class TicketFolder {
  /** Our number, after {@link join}. */
  number = 0;
  /** The one before us when {@link isFirst} looked last: whose going is worth another look. */
  before: string | undefined;
  #nextLook = realTime.now() + stoppedPatience;
  readonly #fs: LockfileFs;
  readonly #lockFile: string;
  readonly #line: string;
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
    const { extra, prepared } = lockPathsOf(lockFile);
    this.#fs = fs;
    this.#lockFile = lockFile;
    this.#line = extra;
    this.#prepared = join(prepared, own);
    this.#own = own;
    this.#livenessOf = livenessOf;
  }

  /** Joins the line. Waits for nobody. */
  *join(label: string | undefined): Steps<void> {
    try {
      yield* prepareOwnerFile(this.#fs, this.#lockFile, this.#own, { label });
      for (let round = 1; ; round += 1) {
        const number = highest(yield* this.#numbers()) + 1;
        // Before it is taken: should the answer get lost, the ticket must not stay behind.
        this.number = number;
        if (!(yield* this.#take(number, round))) continue;
        if (highest(yield* this.#numbers()) <= number) return;
        yield* step(this.#fs.rename(this.#folder(number), this.#prepared));
      }
    } catch (error) {
      yield* discardOwnerFile(this.#fs, this.#prepared, this.#own);
      yield* discardOwnerFile(this.#fs, this.#folder(this.number), this.#own);
      throw error;
    }
  }

  /** Whether everybody who came before has gone; removes the tickets of those who died. */
  *isFirst(): Steps<boolean> {
    const pastStopped = realTime.now() > this.#nextLook;
    if (pastStopped) this.#nextLook = realTime.now() + stoppedPatience;
    const earlier = (yield* this.#numbers()).filter((number) => number < this.number).sort((a, b) => a - b);
    this.before = earlier.length === 0 ? undefined : String(earlier.at(-1));
    for (const number of earlier) if (yield* this.#isTaken(number, pastStopped)) return false;
    return true;
  }

  /** Gives the place up. Harmless when called twice. */
  *leave(): Steps<void> {
    try {
      yield* step(this.#fs.unlink(join(this.#folder(this.number), this.#own)));
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
    yield* quietly(() => this.#fs.rmdir(this.#folder(this.number)));
    yield* quietly(() => this.#fs.rmdir(this.#line));
  }

  *#take(number: number, round: number): Steps<boolean> {
    try {
      yield* step(this.#fs.rename(this.#prepared, this.#folder(number)));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      // An answer may have been lost, and some say EPERM for "exists".
      const names = yield* namesIn(this.#fs, this.#folder(number));
      if (names.length > 0) return names.includes(this.#own);
      if (!isCode(error, 'ENOENT') || round > maxRounds) throw error;
      yield* this.#makeLine();
      return false;
    }
  }

  *#makeLine(): Steps<void> {
    // Made by somebody else, or removed again as empty: the next round sees.
    yield* makeMeetingFolder(this.#fs, this.#lockFile, newIdentityName(), this.#line);
  }

  *#isTaken(number: number, pastStopped: boolean): Steps<boolean> {
    const folder = this.#folder(number);
    let taken = false;
    let stopped = false;
    for (const name of yield* namesIn(this.#fs, folder)) {
      const identity = parseIdentityName(name);
      if (identity !== undefined && this.#livenessOf(identity) === 'dead') {
        yield* quietly(() => this.#fs.unlink(join(folder, name)));
      } else if (pastStopped && identity !== undefined && isStopped(identity)) stopped = true;
      else taken = true;
    }
    if (!taken && !stopped) yield* quietly(() => this.#fs.rmdir(folder));
    return taken;
  }

  *#numbers(): Steps<number[]> {
    const names = yield* namesIn(this.#fs, this.#line);
    return names.filter((name) => /^\d{1,15}$/.test(name)).map(Number);
  }

  #folder(number: number): string {
    return join(this.#line, String(number));
  }
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => Math.max(a, b), 0);
}
