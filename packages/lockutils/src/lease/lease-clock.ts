import { uptime } from 'node:os';
import { type Clock, realTime, systemClock } from '@oslo-concurrency/core';

/** A monotonic clock that also counts the time the machine slept. Times are milliseconds. */
export interface LeaseClock extends Clock {
  /** How much of `now()` is time that the plain monotonic clock did not count. */
  readonly skipped: number;
}

// Two clocks read one after the other, one of them in steps of 10 ms, differ by this much without anything having
// happened. What stays below it is not counted, so the margin of a lease must be greater (see lease-margin.ts).
const tolerance = 50;

/**
 * A lease's server goes on counting while this machine sleeps or its virtual machine is paused. `performance.now()` is
 * CLOCK_MONOTONIC on Linux, which does not: after a sleep a lost lease would look valid. CLOCK_BOOTTIME has no
 * function in Node, but two witnesses: `/proc/uptime`, and the wall clock, which is set right after the sleep.
 *
 * So `now()` is the monotonic clock plus every jump ahead of it that a witness saw since the last reading. A witness
 * that falls back (a wall clock set back) is believed from its new position on and takes nothing away. This errs to
 * one side only: a wall clock set forward counts as sleep and may end a lease early, never late. What it cannot see:
 * a pause that no witness saw (a virtual machine paused and its clocks not set) and a sleep in the very interval
 * between two readings in which both witnesses were set back by as much. The fencing token is for those.
 */
export function sleepAwareClock(base: Clock, witnesses: readonly (() => number)[]): LeaseClock {
  // Of each witness, how far it was ahead of the monotonic clock when it was last believed.
  const offsets: number[] = [];
  let skipped = 0;
  const now = (): number => {
    let before = base.now();
    let jump = 0;
    const leasts = witnesses.map((read, index) => {
      const seen = read();
      const after = base.now();
      // Read somewhere between `before` and `after`; when this process was not running in between, they lie far apart.
      const [least, most] = [seen - after, seen - before];
      before = after;
      const believed = offsets[index] ?? least;
      jump = Math.max(jump, least - believed);
      // A drift ahead that is too small to count stays in the difference until it is large enough.
      offsets[index] = Math.min(believed, most);
      return least;
    });
    if (jump > tolerance) {
      skipped += jump;
      // One sleep is seen by every witness and must count once.
      leasts.forEach((least, index) => {
        offsets[index] = Math.max(offsets[index] ?? least, least);
      });
    }
    return before + skipped;
  };
  now();
  return {
    now,
    get skipped() {
      return skipped;
    },
    schedule: (delay, action) => base.schedule(delay, action),
  };
}

// os.uptime() counts sleep on Linux only; macOS takes it from the wall clock in whole seconds, and there, as on
// Windows, performance.now() goes on through a sleep.
const witnesses = process.platform === 'linux' ? [realTime.date, () => uptime() * 1000] : [realTime.date];

/** The clock of all leases of this process. */
export const leaseClock: LeaseClock = sleepAwareClock(systemClock, witnesses);
