import type { Clock } from '@oslo-concurrency/core';
import { describe, expect, it } from 'vitest';
import { PatientWait } from '../../../build/locking/wait/patient-wait.js';

const guard = 50;

/** A wait that was given a hint after its first look, and how long its next pauses last, in milliseconds. */
async function pausesAfterHint(early: boolean, count: number): Promise<readonly number[]> {
  const pauses: number[] = [];
  const clock: Clock = {
    now: () => 0,
    schedule(delay, action) {
      pauses.push(delay);
      queueMicrotask(action);
      return () => {};
    },
  };
  const wait = new PatientWait({ clock, deadline: Number.POSITIVE_INFINITY, signal: undefined, guard });
  let hint = (): void => {};
  wait.listen((wake) => {
    hint = wake;
    return () => {};
  }, early);
  hint();
  // The hint itself ends the first one.
  for (let pause = 0; pause <= count; pause += 1) await wait.pause();
  wait.close();
  return pauses;
}

describe('G28 a waiter that a hint did not help', () => {
  it('G28 sleeps until the next hint or its polling interval: a hint that comes late or to another makes it poll no more', async () => {
    expect(await pausesAfterHint(false, 3)).toEqual([guard, guard, guard]);
  });

  it('G28 looks again within milliseconds if the hint may come before the release', async () => {
    // The first of these looks comes at the end of the turn of the event loop, without a timer.
    expect(await pausesAfterHint(true, 7)).toEqual([1, 2, 4, 8, guard, guard]);
  });
});
