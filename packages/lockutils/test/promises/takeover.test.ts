import type { LockOptions } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { driverVariants } from '../support/driver-variants.js';
import { lockDirectory } from '../support/lock-directory.js';

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const milliseconds = (from: string | bigint, to: string | bigint): number => Number(BigInt(to) - BigInt(from)) / 1e6;

describe.each(driverVariants)('take-over by driver $driver, fair: $fair', ({ driver, fair }) => {
  const optionsIn = (lockPath: string): LockOptions => ({ external: true, driver, fair, lockPath });

  it('G1 after SIGKILL of the holder a waiting process holds within 100 ms', async () => {
    using directory = lockDirectory();
    const options = optionsIn(directory.path);
    await using waiter = await Contender.start();
    const takeovers: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const victim = await Contender.start();
      await victim.acquire('x', options);
      const { granted } = await waiter.queue('x', options);
      const killed = process.hrtime.bigint();
      await victim.end('SIGKILL');
      takeovers.push(milliseconds(killed, (await granted).at));
      await waiter.release('x');
    }
    expect(median(takeovers)).toBeLessThan(100);
  });
});
