import { join } from 'node:path';
import type { Holder } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, reader, requestFor } from '../../support/at-once.js';
import { lockDirectory } from '../../support/lock-directory.js';

describe('the seats of readers', () => {
  it('a crowd of readers of one thread tries no seat twice, and each has its own record', () => {
    using directory = lockDirectory();
    const request = { ...requestFor(join(directory.path, 'x')), ...reader };
    let tries = 0;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      tryLock(fd, offset, length, shared) {
        // A ticket is locked exclusively too, but a reader that is admitted at once draws none.
        if (length === 1 && offset < 256 && !shared) tries += 1;
        return defaultKernelSystem.tryLock(fd, offset, length, shared);
      },
    };
    const driver = kernelDriver({ system });
    const acquire = (): GrantAtOnce => driver.tryAcquire(request) as GrantAtOnce;
    const crowd = Array.from({ length: 100 }, acquire);
    expect(tries).toBe(100);
    expect(driver.holders(request) as readonly Holder[]).toHaveLength(100);
    // A seat that was left is taken again, or the file would grow with each reader.
    crowd[7]?.release();
    tries = 0;
    crowd[7] = acquire();
    expect(tries).toBe(1);
    expect(driver.holders(request) as readonly Holder[]).toHaveLength(100);
    for (const held of crowd) held.release();
    expect(driver.holders(request) as readonly Holder[]).toEqual([]);
  });
});
