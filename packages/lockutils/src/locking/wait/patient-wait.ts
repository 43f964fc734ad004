import { type Clock, realTime } from '@oslo-concurrency/core';
import { onAbort, settleOnce } from '../../local/settle-once.js';
import { type Cuttable, nothing } from '../../steps.js';
import { timeUp } from './wait.js';

// After an early hint, the lock is about to become free: its last holder changes the file just before the release.
const burst = [0, 1, 2, 4, 8];
const longestTimer = 2 ** 31 - 1;
// Milliseconds that a pending try is given to answer when its wait ends. Then its grant is released before the caller
// goes on: otherwise a `blocking: false` try right after an abort, here or in another process, would be refused by a
// grant that no caller has. A try that takes longer is cut short, and its late grant is released when it arrives.
const lastTry = 25;

/** When and why a wait has to end, and how often it polls until then. */
export interface WaitLimits {
  readonly clock: Clock;
  /** The time at which the call gives up, or `Infinity`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** Polling interval for events that send no notification: a killed holder, a Python peer. */
  readonly guard: number;
}

/** Waits without stopping the thread. Ends at a deadline, by a signal, or by {@link end}. */
export class PatientWait {
  readonly #limits: WaitLimits;
  readonly #forget: (() => void)[] = [];
  #reason: { readonly error: unknown } | undefined;
  #abandon: (() => void) | undefined;
  /** Whether the end of the wait was reported to the procedure. */
  #reported = false;
  #resume: (() => void) | undefined;
  #hinted = false;
  #eager = burst.length;
  #unsubscribe = (): void => {};

  constructor(limits: WaitLimits) {
    const { clock, deadline, signal } = limits;
    this.#limits = limits;
    if (deadline !== Number.POSITIVE_INFINITY) {
      this.#forget.push(clock.schedule(deadline - clock.now(), () => this.end(timeUp)));
    }
    if (signal?.aborted) this.end(signal.reason);
    else if (signal !== undefined) {
      // The timer of AbortSignal.timeout() does not keep the process alive: the process would end silently before the
      // wait could.
      const awake = realTime.setInterval(nothing, longestTimer);
      this.#forget.push(
        onAbort(signal, () => this.end(signal.reason)),
        () => realTime.clearInterval(awake),
      );
    }
  }

  /** Ends the wait: the current step or pause rejects, and a late answer of the step is released. */
  end(error: unknown): void {
    this.#reason ??= { error };
    this.#abandon?.();
    this.#resume?.();
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** For `perform`. After it has reported that the wait is over, the remaining cleanup steps may take their time. */
  readonly race = ({ value: step, releaseLate }: Cuttable): PromiseLike<unknown> => {
    const answer = step as PromiseLike<unknown>;
    if (this.#reported) return answer;
    const release = releaseLate as (late: unknown) => unknown;
    if (release === nothing) return settleOnce(answer, (end) => this.#whenOver(end, 0), nothing);
    return settleOnce(this.#unlessOver(answer, release), (end) => this.#whenOver(end, lastTry), nothing);
  };

  // The answer, or if the wait has ended meanwhile, the reason of that; after the answer was released.
  async #unlessOver(answer: PromiseLike<unknown>, release: (late: unknown) => unknown): Promise<unknown> {
    let late: { readonly error: unknown } | undefined;
    try {
      const found = await answer;
      if (this.#reason === undefined) return found;
      await release(found);
    } catch (error) {
      late = { error };
    }
    if (this.#reason === undefined) throw late?.error;
    this.#reported = true;
    throw this.#reason.error;
  }

  #whenOver(end: (error: unknown) => void, patience: number): () => void {
    let cancel = nothing;
    const report = (): void => {
      this.#reported = true;
      end(this.#reason?.error);
    };
    this.#abandon = () => {
      this.#abandon = undefined;
      if (patience === 0) report();
      else cancel = this.#limits.clock.schedule(patience, report);
    };
    if (this.#reason !== undefined) this.#abandon();
    return () => {
      this.#abandon = undefined;
      cancel();
    };
  }

  listen(subscribe: (wake: () => void) => () => void, early: boolean): void {
    this.#unsubscribe();
    this.#unsubscribe = subscribe(() => this.#hear(early));
  }

  /** Waits for a hint, `atMost` ms. It rejects by itself when the wait ends, so it needs no {@link race}. */
  pause(atMost = this.#limits.guard): Promise<void> {
    if (this.#hinted && this.#reason === undefined) {
      this.#hinted = false;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const delay = Math.min(burst[this.#eager] ?? atMost, atMost);
      this.#eager += 1;
      const cancel =
        delay === 0 ? immediately(() => this.#resume?.()) : this.#limits.clock.schedule(delay, () => this.#resume?.());
      this.#resume = () => {
        this.#resume = undefined;
        cancel();
        if (this.#reason === undefined) {
          resolve();
        } else {
          this.#reported = true;
          reject(this.#reason.error);
        }
      };
      if (this.#reason !== undefined) this.#resume();
    });
  }

  /** Ends the current {@link pause}, if there is one. */
  wake(): void {
    this.#resume?.();
  }

  #hear(early: boolean): void {
    if (early) this.#eager = 0;
    if (this.#resume === undefined) this.#hinted = true;
    else this.#resume();
  }

  close(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#resume?.();
    for (const forget of this.#forget.splice(0)) forget();
  }
}

function immediately(action: () => void): () => void {
  const immediate = realTime.setImmediate(action);
  return () => realTime.clearImmediate(immediate);
}
