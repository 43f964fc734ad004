import { getLogger, isConcurrencyError, lockChannels } from '@oslo-concurrency/core';
import type { Grant } from '../../drivers/driver.js';
import { LockReleaseError, UpgradeConflictError } from '../../errors/lock-errors.js';
import { isThenable, perform, runSync, type Steps, step } from '../../steps.js';
import { type LockCall, leaveTurns } from '../call.js';
import { type Obtained, release } from '../obtain.js';
import { reportRelease } from '../report.js';
import type { PatientWait } from '../wait/patient-wait.js';
import type { LockHandle } from './handles.js';
import { beginHold, endHold, type Hold, reportLost } from './long-holds.js';
import { downgrade, type UpgradeOptions, upgrade } from './mode-change.js';

/**
 * The result of a `release()` that completed synchronously: one promise for all, because they need not be
 * distinguished.
 */
export const releasedAtOnce: Promise<void> = Promise.resolve();

/**
 * The {@link LockHandle} of a granted call. Its release goes in reverse order: the driver, then the turns of this
 * process.
 */
export class GrantedLock implements LockHandle {
  readonly waitedMs: number;
  readonly #call: LockCall;
  readonly #obtained: Obtained | undefined;
  // Only for subscribers: reading the clock costs as much as an internal lock.
  readonly #since: number | undefined;
  #state: 'held' | 'releasing' | 'released' = 'held';
  #release: Promise<void> | undefined;
  readonly #hold: Hold | undefined;
  /** The upgrade that is under way. */
  #upgrading: PatientWait | undefined;

  constructor(call: LockCall, obtained: Obtained | undefined, waitedMs: number) {
    this.#call = call;
    this.#obtained = obtained;
    this.waitedMs = waitedMs;
    this.#since = lockChannels.release.hasSubscribers ? call.clock.now() : undefined;
    this.#hold = obtained === undefined ? undefined : beginHold(call, obtained.grant);
  }

  get name(): string {
    return this.#call.name;
  }

  get external(): boolean {
    return this.#call.request !== undefined;
  }

  get lockFile(): string | undefined {
    return this.#call.request?.path;
  }

  get mode(): 'exclusive' | 'shared' {
    const shared = this.#upgrading !== undefined || this.#call.turns[0]?.turn.shared === true;
    return shared ? 'shared' : 'exclusive';
  }

  get previousOwnerDied(): boolean {
    return this.#obtained?.grant.previousOwnerDied === true;
  }

  get released(): boolean {
    return this.#state === 'released';
  }

  release(): Promise<void> {
    return this.#releaseOnce(false);
  }

  /**
   * Releases a lock that no caller ever saw. If it would have reported a dead holder, that report is left for the next
   * holder.
   */
  releaseUnseen(): Promise<void> {
    return this.#releaseOnce(true);
  }

  // Not async: everything that can be done synchronously is done when release() returns, so that `using` and exit
  // handlers work.
  #releaseOnce(unused: boolean): Promise<void> {
    if (this.#release !== undefined) return this.#release;
    const rest = this.#beginRelease(unused);
    const done = rest === undefined ? releasedAtOnce : answered(rest);
    // If the release failed synchronously, it may be tried again.
    if (this.#state !== 'held') this.#release = done;
    return done;
  }

  /** `release()` for synchronous drivers: throws the error that `release()` rejects with. */
  releaseSync(): void {
    // The lock was lost; the earlier call already reported that, so there is nothing left to do.
    if (this.#release !== undefined || this.#state === 'released') return;
    const rest = this.#beginRelease(false);
    if (rest !== undefined) runSync(rest);
    this.#release = releasedAtOnce;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  // With a synchronous driver, the lock is released when this returns. With another driver, the release goes on by
  // itself.
  [Symbol.dispose](): void {
    this.release().catch((error: Error) => getLogger().error(error.message));
  }

  downgrade(): Promise<void> {
    return answered(this.#downgrading());
  }

  async upgrade(options: UpgradeOptions = {}): Promise<void> {
    const grant = this.#grant();
    if (this.#upgrading !== undefined) throw new UpgradeConflictError(this.name);
    await upgrade(this.#call, grant, options, (wait) => {
      this.#upgrading = wait;
    });
  }

  *#downgrading(): Steps<void> {
    const grant = this.#grant();
    this.#endUpgrade('downgraded');
    yield* downgrade(this.#call, grant);
    // Only an exclusive holder keeps its place in the queue: the readers behind it may now be admitted.
    yield* step(this.#obtained?.place?.leave());
  }

  // Ended at once: another try would lock a descriptor that may belong to another file by then.
  #endUpgrade(how: string): void {
    this.#upgrading?.end(new TypeError(`The lock ${this.name} was ${how} while it waited to be upgraded`));
  }

  #grant(): Grant | undefined {
    if (this.#state !== 'held') throw new TypeError(`The lock ${this.name} was already released`);
    return this.#obtained?.grant;
  }

  /** Releases, and returns the steps that are left, if any: mostly none, which saves the cost of a procedure. */
  #beginRelease(unused: boolean): Steps<void> | undefined {
    this.#endUpgrade('released');
    this.#state = 'releasing';
    let answer: void | Promise<void>;
    try {
      answer = this.#obtained === undefined ? undefined : release(this.#call, this.#obtained, unused);
    } catch (error) {
      return this.#releasing(() => {
        throw error;
      });
    }
    if (isThenable(answer) || this.#obtained?.place !== undefined) return this.#releasing(() => answer);
    this.#noteReleased();
    this.#letOthersIn();
    return undefined;
  }

  *#releasing(answer: () => void | Promise<void>): Steps<void> {
    let failure: LockReleaseError | undefined;
    try {
      yield* step(answer());
    } catch (error) {
      failure = new LockReleaseError(this.name, error);
      // A lost lock is no longer held. A lock that could not be released counts as held: the turns stay, no other call
      // of this process is admitted, and release() may be tried again.
      if (!isConcurrencyError(error, 'ERR_LOCK_LOST')) {
        this.#state = 'held';
        this.#release = undefined;
        throw failure;
      }
      if (this.#hold !== undefined) reportLost(this.#hold, error);
    }
    this.#noteReleased();
    // While our ticket is still in the queue, the next call of this process would not be first.
    yield* step(this.#obtained?.place?.leave());
    this.#letOthersIn();
    if (failure !== undefined) throw failure;
  }

  #noteReleased(): void {
    this.#state = 'released';
    if (this.#hold !== undefined) endHold(this.#hold);
  }

  #letOthersIn(): void {
    const call = this.#call;
    if (call.body !== undefined) call.body.running = false;
    leaveTurns(call);
    reportRelease(call, this.#since);
  }
}

function answered(steps: Steps<void>): Promise<void> {
  try {
    return perform(steps) ?? releasedAtOnce;
  } catch (error) {
    return Promise.reject(error);
  }
}
