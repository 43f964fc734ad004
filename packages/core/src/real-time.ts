import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

/**
 * The timers, ticks and clocks of the system, as they were when this package was imported. For the packages of this
 * family; a check keeps every other use of them out of their sources.
 *
 * Test tools replace the globals, and some the functions of `node:timers` too: a lock that is waited for by a fake timer
 * is granted when the test moves its clock, which is never if the test waits for the lock first. Under jsdom the globals
 * are a browser's besides: its `setInterval` returns a number, which has no `unref`, and it has no `setImmediate`. What
 * is taken here at import is Node's, whatever is faked later.
 *
 * `process` is the global: to import `node:process` is to open standard input, which is not blocking any more then.
 *
 * Times are milliseconds.
 */
export const realTime = {
  /** Since an arbitrary start, never going back; with fractions. */
  now: performance.now.bind(performance),
  /** The same clock for all processes of this machine, in nanoseconds. */
  hrtime: process.hrtime.bigint.bind(process.hrtime),
  /** Since 1970, by the clock that people read; it may be set back. */
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
  /** Resolves after what is due now has run: timers, and input and output. */
  turn: (): Promise<void> => new Promise((resolve) => void realTime.setImmediate(resolve)),
} as const;
