import { realTime } from './real-time.js';

/**
 * The time for code that waits. Tests inject a clock of their own; all other code uses {@link systemClock}.
 *
 * The time is monotonic: a change of the wall clock moves no deadline.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start. It never goes back. */
  now(): number;
  /** Runs `action` once after `delay` ms, unless the returned function is called first. Keeps the process alive. */
  schedule(delay: number, action: () => void): () => void;
}

// Node fires a timer of more than 2^31-1 ms after 1 ms, so a wait of a month would time out at once.
const longestTimer = 2 ** 31 - 1;

/** The monotonic clock and the timers of this process. Delays may have any length, even `Infinity`, and never end too early. */
export const systemClock: Clock = clockBy(realTime);

/** A clock on the given timers. */
export function clockBy(time: Pick<typeof realTime, 'now' | 'setTimeout' | 'clearTimeout'>): Clock {
  return {
    now: () => time.now(),
    schedule(delay, action) {
      const due = time.now() + delay;
      let timer: NodeJS.Timeout;
      const arm = (left: number): void => {
        timer = time.setTimeout(ring, Math.min(Math.ceil(left), longestTimer));
      };
      // Node counts whole milliseconds from a rounded start, so a timer may fire up to one millisecond too early.
      const ring = (): void => {
        const left = due - time.now();
        if (left > 0) arm(left);
        else action();
      };
      arm(Math.max(0, delay));
      return () => time.clearTimeout(timer);
    },
  };
}
