import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

/**
 * The timers, ticks and clocks of the system, as they were when this package was imported. They are for the packages of
 * this family; a check refuses any other use of timers and clocks in their sources.
 *
 * Test tools replace the globals, and some also replace the functions of `node:timers`. A wait for a lock on a fake timer
 * ends only when the test moves its clock, so it never ends if the test waits for the lock first. Under jsdom the globals
 * are those of a browser: `setInterval` returns a number, which has no `unref`, and there is no `setImmediate`. This module
 * reads Node's own functions at import, so later fakes do not change them.
 *
 * `process` is the global, because an import of `node:process` opens standard input, which then is no longer blocking.
 *
 * Times are milliseconds.
 */
export const realTime = {
  /** The time since an arbitrary start, with fractions. It never goes back. */
  now: performance.now.bind(performance),
  /** The clock that all processes of this machine share, in nanoseconds. */
  hrtime: process.hrtime.bigint.bind(process.hrtime),
  /** The wall-clock time since 1970. It may be set back. */
  date: Date.now.bind(Date),
  setTimeout: timers.setTimeout,
  clearTimeout: timers.clearTimeout,
  setInterval: timers.setInterval,
  clearInterval: timers.clearInterval,
  setImmediate: timers.setImmediate,
  clearImmediate: timers.clearImmediate,
  nextTick: process.nextTick.bind(process),
  /** Resolves after `ms`. */
  pause: (ms: number): Promise<void> => new Promise((resolve) => void realTime.setTimeout(resolve, ms)),
  /** Resolves after the timers and the input and output that are due now were handled. */
  turn: (): Promise<void> => new Promise((resolve) => void realTime.setImmediate(resolve)),
} as const;
