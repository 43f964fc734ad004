import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { driverVariants } from '../support/driver-variants.js';
import { lockDirectory } from '../support/lock-directory.js';
import { runFixture } from '../support/run-fixture.js';

describe.each(driverVariants)('ending with a wait pending at driver $driver, fair: $fair', ({ driver, fair }) => {
  const optionsIn = (lockPath: string): LockOptions => ({ external: true, driver, fair, lockPath });

  it.each([['exits-while-waiting.mjs'], ['ends-after-abort.mjs']])(
    'G8 with a wait pending, %s ends',
    async (program) => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      await using _held = await lock('x', options);
      const { exitCode } = await runFixture(program, options);
      expect(exitCode).toBe(0);
    },
  );

  it('G8 worker.terminate() ends a worker that waits or holds, and frees what it held', async () => {
    using directory = lockDirectory();
    const { stdout } = await runFixture('terminates-workers.mjs', optionsIn(directory.path));
    const { messages, terminated } = JSON.parse(stdout) as { messages: string[]; terminated: number };
    expect(messages).toEqual(['held', 'waiting']);
    expect(terminated).toBeLessThan(500);
  });
});
