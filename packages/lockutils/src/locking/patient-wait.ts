import { type Clock, realTime } from '@oslo-concurrency/core';
import { onAbort, settleOnce } from '../local/settle-once.js';
import { type Cuttable, nothing } from '../steps.js';
import { timeUp } from './wait.js';

// After a hint the lock is about to become free: its last holder touches the file just before it closes it.
const burst = [0, 1, 2, 4, 8];
const longestTimer = 2 ** 31 - 1;

/** When and why waiting has to end, and how it goes on until then. */
export interface WaitLimits {
  readonly clock: Clock;
  /** The moment to give up, or `Infinity`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** The interval of the poll that sees what no hint tells: a killed holder, a Python peer. */
  readonly guard: number;
}

/** Waits without stopping the thread; ends at a deadline, by a signal, or by {@link end}. */
export class PatientWait {
  readonly #limits: WaitLimits;
  readonly #forget: (() => void)[] = [];
  #reason: { readonly error: unknown } | undefined;
  #abandon: (() => void) | undefined;
  /** Whether the procedure was told that the wait is over. */
  #told = false;
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
      // The timer of AbortSignal.timeout() keeps no process awake: it would end in silence before the wait could.
      const awake = realTime.setInterval(nothing, longestTimer);
      this.#forget.push(
        onAbort(signal, () => this.end(signal.reason)),
        () => realTime.clearInterval(awake),
      );
    }
  }

  /** Ends the wait: the step that is waited for rejects, and what it brings later is given back. */
  end(error: unknown): void {
    this.#reason ??= { error };
    this.#abandon?.();
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** For `perform`. Once it has said that the wait is over, it lets what is still to be tidied up take its time. */
  readonly race = ({ value: step, giveBack }: Cuttable): PromiseLike<unknown> => {
    const answer = step as PromiseLike<unknown>;
    if (this.#told) return answer;
    const begin = (end: (error: unknown) => void): (() => void) => {
      this.#abandon = () => {
        this.#told = true;
        end(this.#reason?.error);
      };
      if (this.#reason !== undefined) this.#abandon();
      return () => {
        this.#abandon = undefined;
      };
    };
    return settleOnce(answer, begin, giveBack as (late: unknown) => unknown);
  };

  listen(subscribe: (wake: () => void) => () => void): void {
    this.#unsubscribe();
    this.#unsubscribe = subscribe(() => this.#hear());
  }

  pause(atMost = this.#limits.guard): Promise<void> {
    if (this.#hinted) {
      this.#hinted = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const delay = Math.min(burst[this.#eager] ?? atMost, atMost);
      this.#eager += 1;
      const cancel =
        delay === 0 ? immediately(() => this.#resume?.()) : this.#limits.clock.schedule(delay, () => this.#resume?.());
      this.#resume = () => {
        this.#resume = undefined;
        cancel();
        resolve();
      };
    });
  }

  /** Ends the {@link pause} that goes on, if there is one. */
  wake(): void {
    this.#resume?.();
  }

  #hear(): void {
    this.#eager = 0;
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
