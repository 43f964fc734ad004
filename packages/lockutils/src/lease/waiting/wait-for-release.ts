import { type Clock, getLogger } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseRequest } from '../../drivers/lease-driver.js';
import { unlessAborted } from '../../local/settle-once.js';
import { nothing } from '../../steps.js';

/** Milliseconds between two tries without hints. */
const defaultPoll = 250;

/**
 * The waits between the tries of one waiter: each ends at a hint of the driver, when the holder's lease ends, or after
 * the driver's interval. It listens from the first wait to `stop`, and a hint during a try ends the next wait at once, so
 * no release between two tries is missed.
 */
export class ReleaseWait {
  readonly #driver: LeaseDriver;
  readonly #request: LeaseRequest;
  readonly #clock: Pick<Clock, 'schedule'>;
  #stopHints: (() => void) | undefined;
  #listening = false;
  #hinted = false;
  #expires: number | undefined;
  #wake = nothing;

  constructor(driver: LeaseDriver, request: LeaseRequest, clock: Pick<Clock, 'schedule'>) {
    this.#driver = driver;
    this.#request = request;
    this.#clock = clock;
  }

  /** Resolves when another try is due. Rejects with the reason of `signal`. */
  async next(signal: AbortSignal): Promise<void> {
    this.#listen();
    let stopTimers = nothing;
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
      const arm = (): void => {
        stopTimers();
        stopTimers = this.#clock.schedule(this.#delay(), resolve);
      };
      this.#rearm = arm;
      arm();
      if (this.#hinted) resolve();
    });
    try {
      await unlessAborted(woken, signal);
    } finally {
      stopTimers();
      this.#wake = nothing;
      this.#rearm = nothing;
      this.#hinted = false;
      this.#expires = undefined;
    }
  }

  stop(): void {
    this.#stopHints?.();
    this.#stopHints = undefined;
    this.#listening = false;
  }

  #rearm = nothing;

  #delay(): number {
    const { pollEvery = defaultPoll } = this.#driver;
    const interval = this.#listening ? pollEvery : Math.min(pollEvery, defaultPoll);
    // Up to a quarter earlier, so that callers that began together do not keep asking at the same moments.
    const poll = interval * (1 - Math.random() / 4);
    if (this.#expires === undefined) return poll;
    // A little later, and not all waiters at once.
    return Math.min(poll, Math.max(0, this.#expires - this.#request.now()) + 1 + Math.random() * 10);
  }

  #listen(): void {
    if (this.#listening || this.#driver.onRelease === undefined) return;
    this.#listening = true;
    let current = true;
    const fail = (error: unknown): void => {
      if (!current) return;
      current = false;
      getLogger().debug(
        `The ${this.#driver.name} lease driver gives no hints for ${this.#request.name}; polling: ${String(error)}`,
      );
      this.stop();
      this.#rearm();
    };
    try {
      const stop = this.#driver.onRelease(this.#request, {
        wake: () => {
          if (!current) return;
          this.#hinted = true;
          this.#wake();
        },
        expires: (at) => {
          if (!current) return;
          this.#expires = at;
          this.#rearm();
        },
        fail,
      });
      const stopOnce = (): void => {
        current = false;
        stop();
      };
      if (current) this.#stopHints = stopOnce;
      else stop();
    } catch (error) {
      fail(error);
    }
  }
}
