import { closeSync, existsSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, type PlaceAtOnce, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const drivers = new URL('../../../../dist/drivers.js', import.meta.url).href;

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

// The lock file as its first waiter reads it, before it writes its wish.
const looksAtLockFile = (length: number, position: number): boolean => length === 1040 && position === 0;

describe('the first waiter of a lock file that nobody has marked yet', () => {
  /**
   * Begins to wait and resolves when the waiter sleeps. It looks by itself only after a minute, and gives up before, so
   * it is granted the lock only if it is woken.
   */
  async function sleeping(lockPath: string, mode: LockOptions = {}): Promise<{ granted: Promise<void> }> {
    let looks = 0;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      readSync(fd, buffer, offset, length, position) {
        if (looksAtLockFile(length, position)) looks += 1;
        return defaultKernelSystem.readSync(fd, buffer, offset, length, position);
      },
    };
    const options = { external: true, lockPath, driver: kernelDriver({ system }), ...mode };
    const granted = lock('x', { ...options, delay: 60_000, timeout: 30_000 }).then((held) => held.release());
    granted.catch(() => {});
    while (looks === 0) await turn();
    await turn();
    return { granted };
  }

  it('is woken by the release of a holder that had not written its record when the waiter came', async () => {
    using directory = lockDirectory();
    await using holder = await Contender.start();
    const go = join(directory.path, '.go');
    const options = { external: true, lockPath: directory.path };
    const code = `
      const { existsSync, writeFileSync } = await import('node:fs');
      const { defaultKernelSystem, kernelDriver } = await import(${JSON.stringify(drivers)});
      const sleeper = new Int32Array(new SharedArrayBuffer(4));
      const system = {
        ...defaultKernelSystem,
        writeSync(fd, bytes, offset, length, position) {
          if (position === 0 && bytes.includes('oslo-concurrency owner')) {
            writeFileSync(${JSON.stringify(`${go}-awaited`)}, '');
            while (!existsSync(${JSON.stringify(go)})) Atomics.wait(sleeper, 0, 0, 5);
          }
          return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
        },
      };
      held.set('x', await lock('x', { ...${JSON.stringify(options)}, driver: kernelDriver({ system }) }));`;
    const held = holder.ask('run', { code });
    while (!existsSync(`${go}-awaited`)) await turn();
    const { granted } = await sleeping(directory.path);
    writeFileSync(go, '');
    await held;
    await holder.release('x');
    await granted;
  });

  it.each<[string, LockOptions, LockOptions]>([
    ['a writer, by a reader', { shared: true }, {}],
    ['a writer, by the holder of a permit', { permits: 2 }, {}],
    ['a permit, by the holder of the only one', { permits: 1 }, { permits: 1 }],
  ])('is woken as %s, which writes no record into the lock file', async (_, mode, wanted) => {
    using directory = lockDirectory();
    await using holder = await Contender.start();
    await holder.acquire('x', { external: true, lockPath: directory.path, ...mode });
    const { granted } = await sleeping(directory.path, wanted);
    await holder.release('x');
    await granted;
  });

  it('is woken by a holder whose record could not be written', async () => {
    using directory = lockDirectory();
    const system: KernelSystem = {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (position === 0 && Buffer.from(bytes).includes('oslo-concurrency owner'))
          throw new Error('ENOSPC, injected');
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    };
    const held = kernelDriver({ system }).tryAcquire(requestFor(join(directory.path, 'x'))) as GrantAtOnce;
    const { granted } = await sleeping(directory.path);
    held.release();
    await granted;
  });

  it('G28 keeps its wish although the waiter before it gave up while the holder was leaving the queue', () => {
    using directory = lockDirectory();
    const request = requestFor(join(directory.path, 'x'));
    const joinBy = (driver = kernelDriver()): PlaceAtOnce => driver.joinQueue?.(request) as PlaceAtOnce;
    let leaving = (): void => {};
    const system: KernelSystem = {
      ...defaultKernelSystem,
      unlock(fd, offset, length) {
        defaultKernelSystem.unlock(fd, offset, length);
        // Its ticket, not the lock file.
        if (offset === 0 && length > 0) leaving();
      },
    };
    const driver = kernelDriver({ system });
    const held = kernelDriver().tryAcquire(request) as GrantAtOnce;
    const [holder, between, last] = [joinBy(driver), joinBy(), joinBy()];
    expect(holder.isFirst()).toBe(true);
    holder.ask();
    held.release();
    leaving = () => {
      leaving = () => {};
      expect(between.isFirst()).toBe(true);
      between.leave();
      expect(last.isFirst()).toBe(true);
      last.ask();
    };
    const grant = driver.tryAcquire(request, holder as never) as GrantAtOnce;
    // All of one thread are woken alike, so it is the wish that shows who is.
    expect(readFileSync(request.path).readUInt32LE(1024)).toBe(last.ticket + 1);
    grant.release();
    last.leave();
  });

  it('G27 leaves no wish behind at its grant when nobody waits, and keeps that of a later one that has passed it', () => {
    using directory = lockDirectory();
    const request = requestFor(join(directory.path, 'x'));
    const wished = (): number => readFileSync(request.path).readUInt32LE(1024);
    const driver = kernelDriver();
    const joinQueue = (): PlaceAtOnce => driver.joinQueue?.(request) as PlaceAtOnce;
    const acquire = (place?: PlaceAtOnce): GrantAtOnce => driver.tryAcquire(request, place as never) as GrantAtOnce;
    acquire().release();
    const alone = joinQueue();
    alone.ask();
    expect(wished()).toBe(alone.ticket + 1);
    acquire(alone).release();
    expect(wished()).toBe(0);
    const [first, second, passed] = [joinQueue(), joinQueue(), joinQueue()];
    passed.ask();
    acquire(first).release();
    expect(wished()).toBe(passed.ticket + 1);
    second.leave();
    passed.leave();
  });

  it('G28 is woken when it drew its ticket while the holder was leaving the queue, and found the one of the holder', async () => {
    using directory = lockDirectory();
    const request = requestFor(join(directory.path, 'x'));
    let leaving = (): void => {};
    const system: KernelSystem = {
      ...defaultKernelSystem,
      unlock(fd, offset, length) {
        if (offset === 0 && length > 0) leaving();
        defaultKernelSystem.unlock(fd, offset, length);
      },
    };
    const driver = kernelDriver({ system });
    const held = kernelDriver().tryAcquire(request) as GrantAtOnce;
    const holder = driver.joinQueue?.(request) as PlaceAtOnce;
    expect(holder.isFirst()).toBe(true);
    holder.ask();
    held.release();
    let late: PlaceAtOnce | undefined;
    let stop = (): void => {};
    const woken = new Promise<void>((resolve) => {
      leaving = () => {
        leaving = () => {};
        late = kernelDriver().joinQueue?.(request) as PlaceAtOnce;
        expect(late.isFirst()).toBe(false);
        stop = late.onTurn(resolve);
        expect(late.isFirst()).toBe(false);
      };
    });
    const grant = driver.tryAcquire(request, holder as never) as GrantAtOnce;
    await woken;
    stop();
    expect(late?.isFirst()).toBe(true);
    grant.release();
    late?.leave();
  });

  it('writes no wish into a file of other content, and reads none there', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const request = requestFor(path);
    // At the place of a wish lies what would be the wish of ticket 0.
    const content = Buffer.concat([Buffer.alloc(1024, 'text'), Buffer.from([1]), Buffer.alloc(15)]);
    writeFileSync(path, content);
    const driver = kernelDriver();
    const place = driver.joinQueue?.(request) as PlaceAtOnce;
    expect(place.isFirst()).toBe(true);
    expect(place.ask()).toBe(false);
    const grant = driver.tryAcquire(request, 'newcomer') as GrantAtOnce | undefined;
    expect(grant).toBeDefined();
    grant?.release();
    place.leave();
    expect(readFileSync(path)).toEqual(content);
  });
});

describe('the first waiter of a lock file that was removed and made anew', () => {
  /** Waits with `system`. It looks by itself only after a minute, so it is granted the lock only if it is woken. */
  const wait = (lockPath: string, system: KernelSystem): Promise<void> => {
    const options = { external: true, lockPath, driver: kernelDriver({ system }), delay: 60_000, timeout: 30_000 };
    return lock('x', options).then((held) => held.release());
  };
  const acquire = (lockPath: string): GrantAtOnce =>
    kernelDriver().tryAcquire(requestFor(join(lockPath, 'x'))) as GrantAtOnce;
  const isWish = (length: number, position: number): boolean => length === 16 && position === 1024;

  it('is woken by the holder of the new file, although its wish went to the removed one', async () => {
    using directory = lockDirectory();
    const held = acquire(directory.path);
    let next: GrantAtOnce | undefined;
    const granted = wait(directory.path, {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (next === undefined && isWish(length, position)) {
          held.release();
          unlinkSync(join(directory.path, 'x'));
          next = acquire(directory.path);
        }
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    });
    while (next === undefined) await turn();
    await turn();
    next.release();
    await granted;
  });

  it('is woken by the holder of the new file, although a try of the removed one refused it', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = acquire(directory.path);
    let wishes = 0;
    let next: GrantAtOnce | undefined;
    const removed = openSync(path, 'r+');
    const granted = wait(directory.path, {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (isWish(length, position)) wishes += 1;
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
      tryLock(fd, offset, length, shared) {
        const isTried = next !== undefined && offset === 0 && length === 0;
        // Another process that still has the removed file open, and has not looked at the name yet.
        if (isTried) defaultKernelSystem.tryLock(removed, 0, 0, false);
        const answer = defaultKernelSystem.tryLock(fd, offset, length, shared);
        if (isTried) {
          tries += 1;
          defaultKernelSystem.unlock(removed, 0, 0);
        }
        return answer;
      },
    });
    let tries = 0;
    while (wishes === 0) await turn();
    await turn();
    held.release();
    unlinkSync(path);
    next = acquire(directory.path);
    while (tries === 0) await turn();
    await turn();
    next.release();
    await granted;
    closeSync(removed);
  });
});
