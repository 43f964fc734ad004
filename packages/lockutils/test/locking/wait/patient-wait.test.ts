import type { Clock } from '@oslo-concurrency/core';
import { type LockDriver, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { PatientWait } from '../../../build/locking/wait/patient-wait.js';
import { lockDirectory } from '../../support/lock-directory.js';

const guard = 50;

/** A clock on which each timer is due at once, which notes how long it was to last. */
function clockOf(delays: number[]): Clock {
  return {
    now: () => 0,
    schedule(delay, action) {
      delays.push(delay);
      queueMicrotask(action);
      return () => {};
    },
  };
}

/** A wait that was given a hint after its first look, and how long its next pauses last, in milliseconds. */
async function pausesAfterHint(early: boolean, count: number): Promise<readonly number[]> {
  const pauses: number[] = [];
  const clock = clockOf(pauses);
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

it('a wait that ended ends its next pause too, even if a hint came with the end', async () => {
  const clock: Clock = { now: () => 0, schedule: () => () => {} };
  const wait = new PatientWait({ clock, deadline: Number.POSITIVE_INFINITY, signal: undefined, guard });
  let hint = (): void => {};
  wait.listen((wake) => {
    hint = wake;
    return () => {};
  }, false);
  const end = new Error('ended');
  const pending = wait.pause();
  wait.end(end);
  await expect(pending).rejects.toBe(end);
  hint();
  await expect(wait.pause()).rejects.toBe(end);
  wait.close();
});

describe('G28 a driver without a queue, or with one', () => {
  // Only looks that follow a hint can end a wait: the next one by itself comes after a minute.
  const once = { external: true, delay: 60_000, timeout: 30_000 } as const;
  const grant = { previousOwnerDied: false, release() {} };

  it('G28 is looked at again soon after a hint that came before the release', async () => {
    using directory = lockDirectory();
    let hint = (): void => {};
    let looksSince = Number.NaN;
    const driver: LockDriver = {
      name: 'hints-early',
      tryAcquire: () => (++looksSince > 3 ? grant : undefined),
      onRelease(_request, wake) {
        hint = wake;
        return () => {};
      },
      holders: () => [],
    };
    const granted = lock('x', { ...once, driver, lockPath: directory.path });
    await new Promise<void>((resolve) => setImmediate(resolve));
    looksSince = 0;
    hint();
    await (await granted).release();
  });

  it.each([
    ['has its turn', true],
    ['waits for its turn', false],
  ])('G28 a place that %s is looked at once for each hint', async (_what, isFirst) => {
    using directory = lockDirectory();
    let hint = (): void => {};
    let looks = 0;
    let isFree = false;
    const look = (): void => {
      looks += 1;
    };
    const driver: LockDriver = {
      name: 'hints-late',
      tryAcquire() {
        if (isFirst) look();
        return isFree ? grant : undefined;
      },
      joinQueue: () => ({
        isFirst() {
          if (!isFirst) look();
          return isFirst || isFree;
        },
        ask: () => false,
        onTurn(wake) {
          hint = wake;
          return () => {};
        },
        leave() {},
      }),
      holders: () => [],
    };
    const granted = lock('x', { ...once, driver, lockPath: directory.path });
    await new Promise<void>((resolve) => setImmediate(resolve));
    looks = 0;
    hint();
    // Polls after an early hint would come within 15 ms.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(looks).toBe(1);
    isFree = true;
    hint();
    await (await granted).release();
  });

  it.each([
    ['is looked at after its polling interval while at most two are before it', false, 10],
    ['is looked at after four times its polling interval while more are before it', true, 40],
    ['is looked at after its polling interval if its driver does not know how many are before it', undefined, 10],
  ] as const)('G28 %s', async (_title, far, interval) => {
    using directory = lockDirectory();
    const delays: number[] = [];
    const clock = clockOf(delays);
    let looks = 0;
    const driver: LockDriver = {
      name: 'keeps-a-queue',
      tryAcquire: () => (looks < 5 ? undefined : grant),
      joinQueue: () => ({
        isFirst: () => ++looks >= 5,
        ...(far === undefined ? {} : { isFar: () => far }),
        onTurn: () => () => {},
        leave() {},
      }),
      holders: () => [],
    };
    await using _held = await lock('x', { external: true, lockPath: directory.path, driver, clock, delay: 10 });
    expect(delays).toEqual([interval, interval, interval]);
  });
});
