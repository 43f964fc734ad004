import { onAbort } from './on-abort.js';
import type { Patience } from './patience.js';
import { isThenable } from './thenable.js';

// After a hint the lock is about to become free: its last holder touches the file just before it closes it.
const burst = [0, 1, 2, 4, 8];

/** What {@link poll} asks, and how it gives back what it can no longer use. */
export interface Attempt<T> {
  /** One try; `undefined` means not yet. */
  attempt(): T | undefined | Promise<T | undefined>;
  /** Calls `wake` when a try may be worth it; returns how to stop, which must be quick and must not throw. */
  subscribe?: ((wake: () => void) => () => void) | undefined;
  /** `true` when a try has just failed: the first one here comes after the subscription. */
  readonly tried?: boolean;
  /** Takes back a value that came after the abort. */
  giveBack(value: T): void | Promise<void>;
}

/**
 * Tries until a try succeeds: at once, at every hint, and every `guard` ms. The only loop that waits for others.
 *
 * Resolves with the value, or with `undefined` at the deadline; rejects with `signal.reason`, or with what a try
 * throws. Settles once; afterwards no timer, watcher or listener is left, and a value that a slow try brings later is
 * given back. The interval never grows: the last in line is as quick as the first.
 */
export function poll<T>(what: Attempt<T>, patience: Patience): Promise<T | undefined> {
  const { clock, deadline, signal, guard } = patience;
  return new Promise((resolve, reject) => {
    let settled = false;
    let trying = false;
    let hinted = false;
    let eager = burst.length;
    let cancelTimer = (): void => {};
    let unsubscribe: (() => void) | undefined;

    const finish = (settle: () => void): void => {
      settled = true;
      cancelTimer();
      cancelDeadline();
      forgetSignal();
      settle();
      unsubscribe?.();
    };
    const abandon = (): void => finish(() => reject(signal?.reason));
    const onHint = (): void => {
      eager = 0;
      if (trying) hinted = true;
      else step();
    };
    const schedule = (): void => {
      cancelTimer();
      const delay = burst[eager] ?? guard;
      eager += 1;
      if (delay === 0) {
        const immediate = setImmediate(step);
        cancelTimer = () => clearImmediate(immediate);
      } else {
        cancelTimer = clock.schedule(Math.min(delay, guard), step);
      }
    };
    const judge = (value: T | undefined): void => {
      trying = false;
      if (settled) {
        if (value !== undefined) void what.giveBack(value);
      } else if (value !== undefined) {
        finish(() => resolve(value));
      } else if (hinted) {
        hinted = false;
        step();
      } else {
        schedule();
      }
    };
    const fail = (error: unknown): void => {
      trying = false;
      if (!settled) finish(() => reject(error));
    };
    const step = (): void => {
      if (settled || trying) return;
      trying = true;
      try {
        const value = what.attempt();
        if (isThenable(value)) value.then(judge, fail);
        else judge(value);
      } catch (error) {
        fail(error);
      }
    };

    let cancelDeadline = (): void => {};
    let forgetSignal = (): void => {};
    if (signal?.aborted) {
      settled = true;
      reject(signal.reason);
      return;
    }
    if (deadline !== Number.POSITIVE_INFINITY) {
      cancelDeadline = clock.schedule(deadline - clock.now(), () => {
        if (!settled) finish(() => resolve(undefined));
      });
    }
    if (signal !== undefined) forgetSignal = onAbort(signal, abandon);
    if (what.tried !== true) step();
    // Subscribed after the first try and tried again: a release between the two would go unheard.
    if (settled) return;
    if (what.subscribe !== undefined) {
      try {
        unsubscribe = what.subscribe(onHint);
      } catch (error) {
        fail(error);
        return;
      }
    }
    if (trying) hinted = true;
    else if (what.subscribe !== undefined || what.tried === true) step();
  });
}
