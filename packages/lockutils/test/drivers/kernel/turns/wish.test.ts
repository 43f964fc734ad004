import { readFileSync } from 'node:fs';
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
    // It looks by itself only after a minute, and gives up before, so it is granted the lock because it was woken.
    const options = { external: true, lockPath: directory.path, driver: kernelDriver({ system }) };
    const waiter = lock('x', { ...options, delay: 60_000, timeout: 30_000 });
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
    let grants = 0;
    // The machine may stop this process for all of that time.
    for (; granted !== undefined && (grants < 1000 || performance.now() < end); granted = newcomer()) {
      granted.release();
      grants += 1;
    }
    expect(granted).toBeUndefined();
    expect(second.isFirst()).toBe(true);
    // The lock was left to the second one, so it is granted to that one at its next try.
    const grant = driver.tryAcquire(request, second) as GrantAtOnce | undefined;
    expect(grant).toBeDefined();
    grant?.release();
    second.leave();
  });

  it('G27 leaves no wish when it gives up and nobody waits behind it: then no holder makes way for nobody', () => {
    using directory = lockDirectory();
    const driver = kernelDriver();
    const request = requestFor(join(directory.path, 'x'));
    const newcomer = (): GrantAtOnce | undefined => driver.tryAcquire(request, 'newcomer') as GrantAtOnce | undefined;
    newcomer()?.release();
    const only = driver.joinQueue?.(request) as PlaceAtOnce;
    expect(only.isFirst()).toBe(true);
    only.ask();
    only.leave();
    // Longer than the longest slice.
    const end = performance.now() + 30;
    while (performance.now() < end) {
      const grant = newcomer();
      expect(grant).toBeDefined();
      grant?.release();
    }
  });

  it('G27 leaves the wish of a waiter that has passed it as it is when it gives up', () => {
    using directory = lockDirectory();
    const driver = kernelDriver();
    const request = requestFor(join(directory.path, 'x'));
    (driver.tryAcquire(request) as GrantAtOnce).release();
    const draw = (): PlaceAtOnce => driver.joinQueue?.(request) as PlaceAtOnce;
    const [passed, passing] = [draw(), draw()];
    passed.ask();
    passing.ask();
    const wish = (): Buffer => readFileSync(join(directory.path, 'x')).subarray(1024);
    const before = wish();
    passed.leave();
    expect(wish()).toEqual(before);
    passing.leave();
  });
});
