import { existsSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { alone, type GrantAtOnce, type Mode, type PlaceAtOnce, reader, requestFor } from '../../../support/at-once.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const onePermit: Mode = { shared: false, permits: 1 };

describe('the queue and the seats of the kernel driver', () => {
  it.each<[string, Mode, boolean]>([
    ['a fair lock', alone, true],
    ['a reader', reader, false],
    ['a permit', { shared: false, permits: 4 }, false],
  ])('are opened once for %s that is acquired again and again', async (_kind, mode, fair) => {
    using directory = lockDirectory();
    const opened: string[] = [];
    const system: KernelSystem = {
      ...defaultKernelSystem,
      openSync: ((path: string, ...more: [number, number]) => {
        opened.push(path);
        return defaultKernelSystem.openSync(path, ...more);
      }) as KernelSystem['openSync'],
    };
    const { shared, permits } = mode;
    const options = { external: true, lockPath: directory.path, fair, driver: kernelDriver({ system }) };
    const again = () => lock('x', { ...options, shared, ...(permits === undefined ? {} : { permits }) }, () => {});
    await again();
    expect(opened).toContain(join(directory.path, '.oslo-concurrency', 'queue', 'x'));
    opened.length = 0;
    for (let round = 0; round < 10; round += 1) await again();
    expect(opened).toEqual([]);
  });

  it('G9 are created though other processes that came first replace their folder again and again meanwhile', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let removed = 0;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      openSync: ((path: string, ...more: [number, number]) => {
        const folder = join(directory.path, '.oslo-concurrency', 'queue');
        if (basename(path).startsWith('new.') && removed < 3 && existsSync(folder)) {
          rmdirSync(folder);
          removed += 1;
        }
        return defaultKernelSystem.openSync(path, ...more);
      }) as KernelSystem['openSync'],
    };
    const place = kernelDriver({ system }).joinQueue?.(requestFor(path)) as PlaceAtOnce;
    expect(removed).toBe(3);
    expect(place.isFirst()).toBe(true);
    place.leave();
  });

  it.each<[string, (path: string) => void]>([
    ['removed', unlinkSync],
    ['moved away', (path) => renameSync(path, `${path}-old`)],
  ])('give no second permit when the seats were %s while one driver kept them open', (_how, put) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const take = (driver = kernelDriver()) => driver.tryAcquire(requestFor(path, onePermit)) as GrantAtOnce | undefined;
    const keeper = kernelDriver();
    take(keeper)?.release();
    put(join(directory.path, '.oslo-concurrency', 'seats', 'x'));
    const other = take();
    expect(other).toBeDefined();
    expect(take(keeper)).toBeUndefined();
    other?.release();
    expect(take(keeper)).toBeDefined();
  });

  it('G10 keep one order when the queue was removed while one driver kept it open', () => {
    using directory = lockDirectory();
    const draw = (driver = kernelDriver()) => driver.joinQueue?.(requestFor(join(directory.path, 'x'))) as PlaceAtOnce;
    const keeper = kernelDriver();
    draw(keeper).leave();
    unlinkSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'));
    const [first, second] = [draw(), draw(keeper)];
    expect([first.isFirst(), second.isFirst()]).toEqual([true, false]);
    first.leave();
    expect(second.isFirst()).toBe(true);
    second.leave();
  });
});

describe('G11 a reader that needs no ticket', () => {
  const pathIn = (directory: string): string => join(directory, 'x');
  const unqueued = (path: string, driver = kernelDriver()) => {
    const request = requestFor(path, reader);
    return driver.tryUnqueued?.(request, () => driver.tryAcquire(request)) as GrantAtOnce | undefined;
  };

  it('G11 is admitted at once when the queue is empty, beside other readers', () => {
    using directory = lockDirectory();
    const grants = [unqueued(pathIn(directory.path)), unqueued(pathIn(directory.path))];
    expect(grants.map((grant) => grant === undefined)).toEqual([false, false]);
    for (const grant of grants) grant?.release();
  });

  it('G11 passes no waiter', () => {
    using directory = lockDirectory();
    const held = unqueued(pathIn(directory.path));
    const writer = kernelDriver().joinQueue?.(requestFor(pathIn(directory.path))) as PlaceAtOnce;
    expect(unqueued(pathIn(directory.path))).toBeUndefined();
    writer.leave();
    held?.release();
    unqueued(pathIn(directory.path))?.release();
  });

  it('G11 is not admitted while another reader waits to become a writer', () => {
    using directory = lockDirectory();
    const [held, beside] = [unqueued(pathIn(directory.path)), unqueued(pathIn(directory.path))];
    const upgrade = held?.upgrade?.();
    expect(unqueued(pathIn(directory.path))).toBeUndefined();
    upgrade?.end();
    unqueued(pathIn(directory.path))?.release();
    for (const grant of [held, beside]) grant?.release();
  });

  it('G10 lets no process draw a ticket while it is admitted, and leaves nothing locked', () => {
    using directory = lockDirectory();
    const path = pathIn(directory.path);
    const drawn: unknown[] = [];
    const system: KernelSystem = {
      ...defaultKernelSystem,
      tryLock(fd, offset, length, shared) {
        // The lock file is locked from its beginning to its end.
        if (offset === 0 && length === 0) drawn.push(kernelDriver().joinQueue?.(requestFor(path)));
        return defaultKernelSystem.tryLock(fd, offset, length, shared);
      },
    };
    const driver = kernelDriver({ system });
    const held = unqueued(path, driver);
    expect(drawn).toEqual([undefined]);
    held?.release();
    const place = driver.joinQueue?.(requestFor(path)) as PlaceAtOnce;
    expect(place.isFirst()).toBe(true);
    place.leave();
  });
});
