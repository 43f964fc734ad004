import { type LockCall, startOf } from '../call.js';
import { reportWait } from '../report.js';

/** Thrown into a wait whose timeout has expired. */
export const timeUp = Symbol('time up');

/** Thrown if a call that must not wait would have to. */
export const mustWait = Symbol('must wait');

/** How one call waits: with promises, or by stopping the thread. */
export abstract class Wait {
  protected readonly call: LockCall;
  #begun = false;

  constructor(call: LockCall) {
    this.call = call;
  }

  /** Whether the call may wait: not if it has `blocking: false`. */
  get mayWait(): boolean {
    return this.call.options.blocking !== false;
  }

  /**
   * Called before each wait; reports the first one. Throws if the call must not wait: for a turn of this process, or
   * for the driver.
   */
  begin(_what: 'turn' | 'driver'): void {
    if (!this.mayWait) throw mustWait;
    if (this.#begun) return;
    this.#begun = true;
    startOf(this.call);
    reportWait(this.call);
  }

  /**
   * Waits until another try may succeed: until a hint, or for the polling interval; with `far`, for a multiple of it.
   * @throws timeUp
   */
  abstract pause(atMost?: number, far?: boolean): void | Promise<void>;

  /**
   * Subscribes to hints from here on, in place of the previous subscription. `early`: whether a hint may come before the
   * release that it announces.
   */
  listen(_subscribe: (wake: () => void) => () => void, _early: boolean): void {}

  /** The waiting procedure calls this right after each {@link pause}. */
  look(): void {}

  /** Whether the wait was ended: by its timeout, or by a signal. */
  get isOver(): boolean {
    return false;
  }

  /** Ends the wait: no timer, watcher or listener is left. */
  close(): void {}

  /** When the timeout expires, by the clock of the call. */
  protected get deadline(): number {
    return startOf(this.call) + (this.call.options.timeout ?? Number.POSITIVE_INFINITY);
  }
}
