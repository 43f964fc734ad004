import { describe, expect, test } from 'vitest';
import { leaseClock, sleepAwareClock } from '../../src/lease/lease-clock.js';
import { ManualMachine } from '../support/manual-clock.js';

describe('the clock of leases', () => {
  const elapsed = (during: (machine: ManualMachine) => void): number => {
    const machine = new ManualMachine();
    const start = machine.clock.now();
    during(machine);
    return machine.clock.now() - start;
  };

  test('counts time that passes as the monotonic clock does', () => {
    expect(elapsed((machine) => machine.block(30_000))).toBe(30_000);
  });

  test('counts a sleep of the machine once, though two witnesses saw it', () => {
    expect(elapsed((machine) => machine.sleep(30_000))).toBe(30_000);
  });

  test('counts every sleep', () => {
    const total = elapsed((machine) => {
      for (let n = 0; n < 3; n++) {
        machine.sleep(10_000);
        machine.clock.now();
      }
    });
    expect(total).toBe(30_000);
  });

  test('a wall clock set back takes nothing away, and hides no later sleep', () => {
    const total = elapsed((machine) => {
      machine.setWallClock(-3_600_000);
      machine.clock.now();
      machine.sleep(10_000);
    });
    expect(total).toBe(10_000);
  });

  test('a wall clock set back hides no later sleep where it is the only witness', () => {
    let [monotonic, wall] = [1000, 5_000_000];
    const clock = sleepAwareClock({ now: () => monotonic, schedule: () => () => {} }, [() => wall]);
    wall -= 3_600_000;
    expect(clock.now()).toBe(1000);
    wall += 10_000;
    expect(clock.now()).toBe(11_000);
    monotonic += 5;
    wall += 5;
    expect([clock.now(), clock.skipped]).toEqual([11_005, 10_000]);
  });

  test('a wall clock set back during a sleep does not hide it from /proc/uptime', () => {
    const total = elapsed((machine) => {
      machine.sleep(10_000);
      machine.setWallClock(-10_000);
    });
    expect(total).toBe(10_000);
  });

  test('a wall clock set forward counts as sleep: it errs to the safe side', () => {
    expect(elapsed((machine) => machine.setWallClock(10_000))).toBe(10_000);
  });

  test('a wall clock that drifts ahead is overlooked by less than 50 ms in all', () => {
    const total = elapsed((machine) => {
      for (let n = 0; n < 1000; n++) {
        machine.setWallClock(1);
        machine.clock.now();
      }
    });
    expect(total).toBeGreaterThanOrEqual(950);
    expect(total).toBeLessThanOrEqual(1000);
  });

  test('a process that was not running between two readings has not slept', () => {
    let monotonic = 0;
    const base = { now: () => monotonic, schedule: () => () => {} };
    // Preempted for 10 s before or after reading the witness, at every reading.
    let late = false;
    const witness = (): number => {
      late = !late;
      if (late) monotonic += 10_000;
      const seen = monotonic;
      if (!late) monotonic += 10_000;
      return seen;
    };
    const clock = sleepAwareClock(base, [witness]);
    for (let n = 0; n < 100; n++) clock.now();
    expect(clock.skipped).toBe(0);
  });

  test('the real one agrees with the monotonic clock while nothing happens', () => {
    const before = leaseClock.skipped;
    for (let n = 0; n < 10_000; n++) leaseClock.now();
    expect(leaseClock.skipped).toBe(before);
  });
});
