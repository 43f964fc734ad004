import { getLogger, hasLogger, isConcurrencyError, lockChannels } from '@oslo-concurrency/core';
import type { Grant } from '../drivers/driver.js';
import { LockReleaseError, UpgradeConflictError } from '../errors.js';
import { perform, runSync, type Steps, step } from '../steps.js';
import { eventOf, type LockCall, leaveTurns } from './call.js';
import type { LockHandle, SyncHeldLock } from './handles.js';
import { beginHold, endHold, type Hold, tellLost } from './long-holds.js';
import { downgrade, type UpgradeOptions, upgrade } from './mode-change.js';
import type { Obtained } from './obtain.js';
import type { PatientWait } from './patient-wait.js';

/** What `release()` answers when all was done before it returned: one promise for all, as there is nothing to tell apart. */
export const releasedAtOnce: Promise<void> = Promise.resolve();

/** The {@link LockHandle} of a granted call. Released in reverse: the driver, then the turns of this process. */
export class GrantedLock implements LockHandle {
  readonly waitedMs: number;
  readonly #call: LockCall;
  readonly #obtained: Obtained | undefined;
  // Only for who listens: reading the clock costs as much as an internal lock.
  readonly #since: number | undefined;
  #state: 'held' | 'releasing' | 'released' = 'held';
  #release: Promise<void> | undefined;
  readonly #hold: Hold | undefined;
  /** The upgrade that is waited for. */
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

  /** Releases a lock that no caller ever saw: what it would have told of a dead holder is left for the next holder. */
  releaseUnseen(): Promise<void> {
    return this.#releaseOnce(true);
  }

  // Not async: what can be done now is done when release() returns, so that `using` and exit handlers work.
  #releaseOnce(unused: boolean): Promise<void> {
    if (this.#release !== undefined) return this.#release;
    const done = this.#obtained === undefined ? this.#releaseHere() : answered(this.#releasing(unused));
    // A release that failed at once may be tried again.
    if (this.#state !== 'held') this.#release = done;
    return done;
  }

  /** `release()` for drivers that work synchronously: throws what that rejects with. */
  releaseSync(): void {
    // Released without an answer that is kept: it was lost, which was said then.
    if (this.#release !== undefined || this.#state === 'released') return;
    runSync(this.#releasing(false));
    this.#release = releasedAtOnce;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  // A driver that works synchronously has released when this returns; another one goes on by itself.
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
    // Kept for an exclusive holder only: readers behind it in line may now come in.
    yield* step(this.#obtained?.place?.leave());
  }

  // At once: one more try of it would lock a descriptor that is perhaps somebody else's by then.
  #endUpgrade(how: string): void {
    this.#upgrading?.end(new TypeError(`The lock ${this.name} was ${how} while it waited to be upgraded`));
  }

  #grant(): Grant | undefined {
    if (this.#state !== 'held') throw new TypeError(`The lock ${this.name} was released already`);
    return this.#obtained?.grant;
  }

  // Of an internal lock, which costs less than the procedure.
  #releaseHere(): Promise<void> {
    if (this.#upgrading !== undefined) this.#endUpgrade('released');
    this.#state = 'released';
    this.#letOthersIn();
    return releasedAtOnce;
  }

  *#releasing(unused: boolean): Steps<void> {
    const { grant, place } = this.#obtained ?? {};
    const { removeOnRelease, threads, external } = this.#call.options;
    // Nobody cleans the directory of thread locks while the process lives, and a process may use any number of names.
    const remove = removeOnRelease ?? (threads === true && external !== true);
    let failure: LockReleaseError | undefined;
    this.#endUpgrade('released');
    this.#state = 'releasing';
    try {
      // With our own ticket still locked the queue would not look empty to the removal.
      if (remove && !unused) void place?.leave();
      yield* step(grant?.release({ remove: remove && !unused, unused }));
    } catch (error) {
      failure = new LockReleaseError(this.name, error);
      // What was lost is no longer held. What could not be released counts as held: the turns stay, nobody here is let
      // in, and release() may be tried again.
      if (!isConcurrencyError(error, 'ERR_LOCK_LOST')) {
        this.#state = 'held';
        this.#release = undefined;
        throw failure;
      }
      if (this.#hold !== undefined) tellLost(this.#hold, error);
    }
    this.#state = 'released';
    if (this.#hold !== undefined) endHold(this.#hold);
    // While our ticket is still in the line, the next caller here would not be first.
    yield* step(place?.leave());
    this.#letOthersIn();
    if (failure !== undefined) throw failure;
  }

  #letOthersIn(): void {
    const call = this.#call;
    if (call.body !== undefined) call.body.running = false;
    leaveTurns(call);
    if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Releasing lock "${this.name}"`);
    if (lockChannels.release.hasSubscribers) {
      const held = this.#since === undefined ? {} : { heldMs: call.clock.now() - this.#since };
      lockChannels.release.publish({ ...eventOf(call), ...held });
    }
  }
}

function answered(steps: Steps<void>): Promise<void> {
  try {
    return perform(steps) ?? releasedAtOnce;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The same for who stops the thread to wait. */
export class SyncGrantedLock implements SyncHeldLock {
  readonly #granted: GrantedLock;

  constructor(granted: GrantedLock) {
    this.#granted = granted;
  }

  get name(): string {
    return this.#granted.name;
  }

  get external(): boolean {
    return this.#granted.external;
  }

  get lockFile(): string | undefined {
    return this.#granted.lockFile;
  }

  get mode(): 'exclusive' | 'shared' {
    return this.#granted.mode;
  }

  get previousOwnerDied(): boolean {
    return this.#granted.previousOwnerDied;
  }

  get waitedMs(): number {
    return this.#granted.waitedMs;
  }

  get released(): boolean {
    return this.#granted.released;
  }

  release(): void {
    this.#granted.releaseSync();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
