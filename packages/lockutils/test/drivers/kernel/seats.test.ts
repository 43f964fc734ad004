import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Holder } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, permit, reader, requestFor } from '../../support/at-once.js';
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

/** Another process that looks, by locks of its own, which seats of the permits of `path` are taken. */
class Looker implements Disposable {
  readonly #fd: number;

  constructor(path: string) {
    // The file is there when a permit was held before.
    (kernelDriver().tryAcquire(requestFor(path, permit)) as GrantAtOnce).release();
    this.#fd = openSync(join(path, '..', '.oslo-concurrency', 'seats', 'x'), 'r+');
  }

  begin(seat: number): void {
    if (!defaultKernelSystem.tryLock(this.#fd, seat, 1, true)) throw new Error('the seat is taken');
  }

  end(seat: number): void {
    defaultKernelSystem.unlock(this.#fd, seat, 1);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

// Ranges of a file are locked on Linux alone; elsewhere each seat is a file of its own.
describe.runIf(process.platform === 'linux')('the seats of permits', () => {
  it.each([0, 1])(
    'G9 a try gets a free one, seat %i of 2, though another process is looking whether it is taken',
    (seat) => {
      using directory = lockDirectory();
      const path = join(directory.path, 'x');
      using looker = new Looker(path);
      let looks = 3;
      const system: KernelSystem = {
        ...defaultKernelSystem,
        tryLock(fd, offset, length, shared) {
          const isTry = offset === seat && length === 1 && !shared && looks > 0;
          if (!isTry) return defaultKernelSystem.tryLock(fd, offset, length, shared);
          looks -= 1;
          looker.begin(seat);
          try {
            return defaultKernelSystem.tryLock(fd, offset, length, shared);
          } finally {
            looker.end(seat);
          }
        },
      };
      const take = (by: KernelSystem): GrantAtOnce | undefined =>
        kernelDriver({ system: by }).tryAcquire(requestFor(path, permit)) as GrantAtOnce | undefined;
      const [first, second] = [take(defaultKernelSystem), take(defaultKernelSystem)];
      (seat === 0 ? first : second)?.release();
      const grant = take(system);
      expect(grant).toBeDefined();
      expect(looks).toBe(0);
      // It holds the seat: both are taken.
      expect(take(defaultKernelSystem)).toBeUndefined();
      grant?.release();
      expect(take(defaultKernelSystem)).toBeDefined();
    },
  );

  it('G20 a try is refused, and ends, while a process stands still that looks whether the only free one is taken', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    using looker = new Looker(path);
    const driver = kernelDriver();
    const take = (): GrantAtOnce | undefined => driver.tryAcquire(requestFor(path, permit)) as GrantAtOnce | undefined;
    const held = take();
    looker.begin(1);
    expect(take()).toBeUndefined();
    looker.end(1);
    const second = take();
    expect(second).toBeDefined();
    expect(take()).toBeUndefined();
    second?.release();
    held?.release();
  });

  it('G9 to ask for the holders locks no seat that was released, and names who holds the others', () => {
    using directory = lockDirectory();
    const request = requestFor(join(directory.path, 'x'), permit);
    const locked: number[] = [];
    const driver = kernelDriver({
      system: {
        ...defaultKernelSystem,
        tryLock(fd, offset, length, shared) {
          if (length === 1) locked.push(offset);
          return defaultKernelSystem.tryLock(fd, offset, length, shared);
        },
      },
    });
    const [first, second] = [driver.tryAcquire(request), driver.tryAcquire(request)] as GrantAtOnce[];
    locked.splice(0);
    expect(driver.tryAcquire(request)).toBeUndefined();
    // Each is tried, and then looked at, once.
    expect(locked).toEqual([0, 1, 0, 1]);
    first?.release();
    locked.splice(0);
    expect(driver.holders(request)).toEqual([expect.objectContaining({ pid: process.pid })]);
    expect(locked).toEqual([1]);
    second?.release();
    locked.splice(0);
    expect(driver.holders(request)).toEqual([]);
    expect(locked).toEqual([]);
  });
});
