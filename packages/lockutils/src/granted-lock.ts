import { getLogger, hasLogger, isConcurrencyError, lockChannels } from '@oslo-concurrency/core';
import { type Acquisition, eventOf } from './acquisition.js';
import type { Grant } from './drivers/driver.js';
import { LockReleaseError, UpgradeConflictError } from './errors.js';
import type { LockHandle } from './held-lock.js';
import { leaveTurn } from './local/held-turn.js';
import { downgrade, type UpgradeOptions, upgrade } from './mode-change.js';
import type { Obtained } from './waiting/obtain.js';
import { isThenable } from './waiting/thenable.js';

/** What `release()` answers when all was done before it returned: one promise for all, as there is nothing to tell apart. */
export const releasedAtOnce: Promise<void> = Promise.resolve();

/** The {@link LockHandle} of a granted call. Released in reverse: the driver, then the turns of this process. */
export class GrantedLock implements LockHandle {
  readonly waitedMs: number;
  readonly #call: Acquisition;
  readonly #obtained: Obtained | undefined;
  // Only for who listens: reading the clock costs as much as an internal lock.
  readonly #since: number | undefined;
  #state: 'held' | 'releasing' | 'released' = 'held';
  #release: Promise<void> | undefined;
  /** Ends the upgrade that is waited for. */
  #upgrading: AbortController | undefined;

  constructor(call: Acquisition, obtained: Obtained | undefined, waitedMs: number) {
    this.#call = call;
    this.#obtained = obtained;
    this.waitedMs = waitedMs;
    this.#since = lockChannels.release.hasSubscribers ? call.clock.now() : undefined;
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
    if (this.#release !== undefined) return this.#release;
    const done = this.#releaseOnce();
    // A release that failed at once may be tried again.
    if (this.#state !== 'held') this.#release = done;
    return done;
  }

  /** `release()` for drivers that work synchronously: throws what that rejects with. */
  releaseSync(): void {
    // Released without an answer that is kept: it was lost, which was said then.
    if (this.#release !== undefined || this.#state === 'released') return;
    this.#release = this.#releaseNow() ?? releasedAtOnce;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  // A driver that works synchronously has released when this returns; another one goes on by itself.
  [Symbol.dispose](): void {
    this.release().catch((error: Error) => getLogger().error(error.message));
  }

  // Not async, for the same reason as release().
  downgrade(): Promise<void> {
    try {
      const grant = this.#grant();
      this.#endUpgrade('downgraded');
      const done = downgrade(this.#call, grant);
      return isThenable(done) ? Promise.resolve(done).then(() => this.#leavePlace()) : this.#leavePlace();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // Kept for an exclusive holder only: readers behind it in line may now come in.
  #leavePlace(): Promise<void> {
    return Promise.resolve(this.#obtained?.place?.leave());
  }

  async upgrade(options: UpgradeOptions = {}): Promise<void> {
    const grant = this.#grant();
    if (this.#upgrading !== undefined) throw new UpgradeConflictError(this.name);
    const ending = new AbortController();
    this.#upgrading = ending;
    try {
      await upgrade(this.#call, grant, options, ending);
    } finally {
      this.#upgrading = undefined;
    }
  }

  // At once: one more try of it would lock a descriptor that is perhaps somebody else's by then.
  #endUpgrade(how: string): void {
    this.#upgrading?.abort(new TypeError(`The lock ${this.name} was ${how} while it waited to be upgraded`));
  }

  #grant(): Grant | undefined {
    if (this.#state !== 'held') throw new TypeError(`The lock ${this.name} was released already`);
    return this.#obtained?.grant;
  }

  // Not async: what can be done now is done when release() returns, so that `using` and exit handlers work.
  #releaseOnce(): Promise<void> {
    try {
      return this.#releaseNow() ?? releasedAtOnce;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #releaseNow(): Promise<void> | undefined {
    const remove = this.#call.options.removeOnRelease === true;
    if (this.#upgrading !== undefined) this.#endUpgrade('released');
    this.#state = 'releasing';
    let done: void | Promise<void>;
    try {
      // With our own ticket still locked the queue would not look empty to the removal.
      if (remove) void this.#obtained?.place?.leave();
      done = this.#obtained?.grant.release({ remove });
    } catch (error) {
      return this.#fail(error);
    }
    if (!isThenable(done)) return this.#finish();
    return Promise.resolve(done).then(
      () => this.#finish(),
      (error) => this.#fail(error),
    );
  }

  // What could not be released counts as held: the turns stay, nobody here is let in, and release() may be tried again.
  // What was lost is no longer held, so who waits here may have what others can have too; and there is nothing to try again.
  #fail(error: unknown): Promise<never> {
    const failure = new LockReleaseError(this.name, error);
    if (isConcurrencyError(error, 'ERR_LOCK_LOST')) {
      const finished = this.#finish();
      if (finished === undefined) throw failure;
      return finished.then(() => {
        throw failure;
      });
    }
    this.#state = 'held';
    this.#release = undefined;
    throw failure;
  }

  #finish(): Promise<void> | undefined {
    this.#state = 'released';
    const left = this.#obtained?.place?.leave();
    // While our ticket is still in the line, the next caller here would not be first.
    if (isThenable(left)) return Promise.resolve(left).then(() => this.#letOthersIn());
    this.#letOthersIn();
    return undefined;
  }

  #letOthersIn(): void {
    const call = this.#call;
    if (call.body !== undefined) call.body.running = false;
    for (let i = call.turns.length - 1; i >= 0; i -= 1) leaveTurn(call.turns[i] as (typeof call.turns)[number]);
    if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Releasing lock "${this.name}"`);
    if (lockChannels.release.hasSubscribers) {
      const held = this.#since === undefined ? {} : { heldMs: call.clock.now() - this.#since };
      lockChannels.release.publish({ ...eventOf(call), ...held });
    }
  }
}
