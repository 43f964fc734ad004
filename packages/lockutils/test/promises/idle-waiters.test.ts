import { lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';
import { runFixture } from '../support/run-fixture.js';

// The share of a core is a figure of the benchmarks. Here the work is counted, which no busy machine can change.
it('G6 500 waiters on one name start no thread, leave reading files quick, and do no more than one that looks every 50 ms', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  await using _held = await lock('x', options);
  const { stdout } = await runFixture('waits-idle.mjs', options);
  const idle = JSON.parse(stdout) as Record<'extraThreads' | 'p99' | 'ms' | 'callbacks' | 'calls', number>;
  const looks = idle.ms / 50 + 1;
  expect(idle.extraThreads).toBe(0);
  expect(idle.p99).toBeLessThan(50);
  // One look is a timer and what follows it, and three calls, seldom four: it reads the lock file, renews the wish of the
  // waiter, and tries the lock. If each waiter looked, or had a timer only, there would be 500 in this time.
  expect(idle.callbacks).toBeLessThanOrEqual(6 * looks);
  expect(idle.calls).toBeLessThanOrEqual(4 * looks);
  // The counters count: there is a waiter that looks.
  expect(Math.min(idle.callbacks, idle.calls)).toBeGreaterThan(0);
});
