/** Thrown into a wait whose time is up. */
export const timeUp = Symbol('time up');

/** Thrown where a call that is not to wait would have to. */
export const mustWait = Symbol('must wait');

/** How one call waits: with promises, or by stopping the thread. */
export interface Wait {
  /** Called before each wait; tells of the first. Throws where there must be none: for a turn here, or for the driver. */
  begin(what: 'turn' | 'driver'): void;
  /** Hears hints from here on, in place of those heard before. */
  listen(subscribe: (wake: () => void) => () => void): void;
  /** Until the next try may be worth it: a hint, or the interval of the poll. @throws timeUp */
  pause(atMost?: number): void | Promise<void>;
  /** To be called right after each {@link pause}, by the procedure that waits. */
  look(): void;
  /** Whether it was ended: by its time, or by a signal. */
  readonly isOver: boolean;
  /** Ends it: no timer, watcher or listener is left. */
  close(): void;
}
