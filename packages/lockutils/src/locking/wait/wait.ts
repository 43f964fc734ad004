/** Thrown into a wait whose timeout has expired. */
export const timeUp = Symbol('time up');

/** Thrown if a call that must not wait would have to. */
export const mustWait = Symbol('must wait');

/** How one call waits: with promises, or by stopping the thread. */
export interface Wait {
  /**
   * Called before each wait; reports the first one. Throws if the call must not wait: for a turn of this process, or
   * for the driver.
   */
  begin(what: 'turn' | 'driver'): void;
  /** Subscribes to hints from here on, in place of the previous subscription. */
  listen(subscribe: (wake: () => void) => () => void): void;
  /** Waits until another try may succeed: until a hint, or for the polling interval. @throws timeUp */
  pause(atMost?: number): void | Promise<void>;
  /** The waiting procedure calls this right after each {@link pause}. */
  look(): void;
  /** Whether the wait was ended: by its timeout, or by a signal. */
  readonly isOver: boolean;
  /** Ends the wait: no timer, watcher or listener is left. */
  close(): void;
}
