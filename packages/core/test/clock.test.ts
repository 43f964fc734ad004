import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clockBy } from '../src/clock.js';
import { systemClock } from '../src/index.js';

it('the system clock never rings before its time', async () => {
  for (const delay of [0, 0.3, 1, 1.7, 4.999]) {
    const start = systemClock.now();
    await new Promise<void>((resolve) => systemClock.schedule(delay, resolve));
    expect(systemClock.now() - start).toBeGreaterThanOrEqual(delay);
  }
});

it('the system clock never rings before its time where a timer of Node fires a fraction of a millisecond too early', () => {
  let now = 0;
  let fire = (): void => {};
  let rang = false;
  const setTimeout = ((action: () => void) => {
    fire = action;
  }) as unknown as typeof globalThis.setTimeout;
  clockBy({ now: () => now, setTimeout, clearTimeout }).schedule(10, () => {
    rang = true;
  });
  now = 9.9;
  fire();
  expect(rang).toBe(false);
  now = 10;
  fire();
  expect(rang).toBe(true);
});

it('the system clock asks Node for no time below 0, of which newer versions warn', () => {
  const asked: (number | undefined)[] = [];
  const setTimeout = ((_: () => void, ms?: number) => asked.push(ms)) as unknown as typeof globalThis.setTimeout;
  clockBy({ now: () => 0, setTimeout, clearTimeout }).schedule(-5, () => {});
  expect(asked).toEqual([0]);
});

it('the system clock does not ring for a cancelled wait', async () => {
  let rang = false;
  const cancel = systemClock.schedule(1, () => {
    rang = true;
  });
  cancel();
  cancel();
  await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
  expect(rang).toBe(false);
});

it('the system clock goes on when the wall clock is set', () => {
  const before = systemClock.now();
  vi.useFakeTimers({ toFake: ['Date'], now: 0 });
  expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  vi.useRealTimers();
});

it('the system clock shows the time of the system and waits by it, whatever a test puts in place of the globals', async () => {
  vi.useFakeTimers({ now: 0 });
  try {
    const before = systemClock.now();
    await new Promise<void>((resolve) => systemClock.schedule(5, resolve));
    expect(systemClock.now() - before).toBeGreaterThanOrEqual(5);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

describe('the system clock', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('waits for a month, longer than one timer of Node can', () => {
    const month = 31 * 24 * 3600 * 1000;
    let rang = false;
    // By the globals as they are here, which vitest has replaced.
    clockBy({ now: () => performance.now(), setTimeout, clearTimeout }).schedule(month, () => {
      rang = true;
    });
    vi.advanceTimersByTime(month - 1);
    expect(rang).toBe(false);
    vi.advanceTimersByTime(1);
    expect(rang).toBe(true);
  });
});
