import { lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';
import { runFixture } from '../support/run-fixture.js';

it('G6 500 waiters on one name start no thread, leave reading files quick, and use under 1 % of a core', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  await using _held = await lock('x', options);
  const { stdout } = await runFixture('waits-idle.mjs', options);
  const { extraThreads, p99, share } = JSON.parse(stdout) as { extraThreads: number; p99: number; share: number };
  expect(extraThreads).toBe(0);
  expect(p99).toBeLessThan(50);
  expect(share).toBeLessThan(0.01);
});
