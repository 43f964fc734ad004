import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, type PlaceAtOnce, requestFor } from '../../../support/at-once.js';
import { lockDirectory } from '../../../support/lock-directory.js';

describe('the first waiter', () => {
  it('writes its wish before it sleeps, and not once more between its wake and its grant', async () => {
    using directory = lockDirectory();
    let wishes = 0;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (length === 16 && position === 1024) wishes += 1;
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    };
    const holder = kernelDriver();
    const request = requestFor(join(directory.path, 'x'));
    const acquire = (): GrantAtOnce => holder.tryAcquire(request) as GrantAtOnce;
    // A new file has no place for a wish.
    acquire().release();
    const held = acquire();
    // It looks by itself only after a minute, so it is granted the lock because it was woken.
    const options = { external: true, lockPath: directory.path, driver: kernelDriver({ system }), delay: 60_000 };
    const waiter = lock('x', options);
    while (wishes === 0) await new Promise((resolve) => setImmediate(resolve));
    const before = wishes;
    held.release();
    const granted = await waiter;
    expect(wishes).toBe(before);
    await granted.release();
  });

  it('G27 leaves a wish in the name of the next one when it gives up, because that one may not run for a while', () => {
    using directory = lockDirectory();
    const driver = kernelDriver();
    const request = requestFor(join(directory.path, 'x'));
    const newcomer = (): GrantAtOnce | undefined => driver.tryAcquire(request, 'newcomer') as GrantAtOnce | undefined;
    newcomer()?.release();
    const draw = (): PlaceAtOnce => driver.joinQueue?.(request) as PlaceAtOnce;
    const [first, second] = [draw(), draw()];
    expect(first.isFirst()).toBe(true);
    first.ask();
    first.leave();
    // A slice ends after some grants and some milliseconds. Without a wish, it never does.
    const end = performance.now() + 1000;
    let granted = newcomer();
    for (; granted !== undefined && performance.now() < end; granted = newcomer()) granted.release();
    expect(granted).toBeUndefined();
    expect(second.isFirst()).toBe(true);
    // The lock was left to the second one, so it is granted to that one at its next try.
    const grant = driver.tryAcquire(request, second) as GrantAtOnce | undefined;
    expect(grant).toBeDefined();
    grant?.release();
    second.leave();
  });
});
