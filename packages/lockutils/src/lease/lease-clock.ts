import { uptime } from 'node:os';
import { type Clock, realTime, systemClock } from '@oslo-concurrency/core';

/** A monotonic clock that also counts the time the machine slept. Times are milliseconds. */
export interface LeaseClock extends Clock {
  /** The part of `now()` that the plain monotonic clock did not count. */
  readonly skipped: number;
}

// Two clocks read one after the other, one of them in steps of 10 ms, can differ by this much although nothing
// happened. Smaller differences are not counted, so the margin of a lease must be greater (see lease-term.ts).
const tolerance = 50;

/**
 * A lease's server goes on counting while this machine sleeps or its virtual machine is paused. `performance.now()` is
 * CLOCK_MONOTONIC on Linux, which stops then: after a sleep a lost lease would look valid. Node has no function for
 * CLOCK_BOOTTIME, but there are two witnesses: `/proc/uptime`, and the wall clock, which is set right after the sleep.
 *
 * So `now()` is the monotonic clock plus every forward jump of a witness since the last reading. If a witness falls
 * back (a wall clock set back), it counts from its new position on and subtracts nothing. The error is always on the
 * safe side: a wall clock set forward counts as sleep and may end a lease early, never late. Two cases stay invisible:
 * a pause that no witness saw (a virtual machine was paused and its clocks were not set), and a sleep between two
 * readings in which both witnesses were set back by the same amount. The fencing token covers these.
 */
export function sleepAwareClock(base: Clock, witnesses: readonly (() => number)[]): LeaseClock {
  // For each witness: how far it was ahead of the monotonic clock when it was last accepted.
  const offsets: number[] = [];
  let skipped = 0;
  const now = (): number => {
    let before = base.now();
    let jump = 0;
    const leasts = witnesses.map((read, index) => {
      const seen = read();
      const after = base.now();
      // The witness was read at some moment between `before` and `after`. If this process did not run in between, the
      // two lie far apart.
      const [least, most] = [seen - after, seen - before];
      before = after;
      const believed = offsets[index] ?? least;
      jump = Math.max(jump, least - believed);
      // A forward drift that is too small to count stays in the difference until it is large enough.
      offsets[index] = Math.min(believed, most);
      return least;
    });
    if (jump > tolerance) {
      skipped += jump;
      // Every witness sees the same sleep, which must count once.
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

// os.uptime() counts sleep on Linux only. macOS derives it from the wall clock in whole seconds. On macOS and Windows,
// performance.now() goes on during a sleep.
const witnesses = process.platform === 'linux' ? [realTime.date, () => uptime() * 1000] : [realTime.date];

/** The clock of all leases of this process. */
export const leaseClock: LeaseClock = sleepAwareClock(systemClock, witnesses);
