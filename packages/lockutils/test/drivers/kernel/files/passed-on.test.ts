import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Holder, type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, type PlaceAtOnce, permit, reader, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const take = (path: string, driver = kernelDriver(), mode = {}): GrantAtOnce | undefined =>
  driver.tryAcquire({ ...requestFor(path), ...mode }) as GrantAtOnce | undefined;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A driver that counts how often it locks the lock file, and unlocks it. */
function counting() {
  const calls = { locked: 0, unlocked: 0 };
  const system: KernelSystem = {
    ...defaultKernelSystem,
    tryLock(fd, offset, length, shared) {
      if (offset === 0 && length === 0) calls.locked += 1;
      return defaultKernelSystem.tryLock(fd, offset, length, shared);
    },
    unlock(fd, offset, length) {
      if (offset === 0 && length === 0) calls.unlocked += 1;
      defaultKernelSystem.unlock(fd, offset, length);
    },
  };
  return { calls, driver: kernelDriver({ system }) };
}

/**
 * Releases a lock that stays locked for the next call of its driver. A release keeps it only within a slice, which a busy
 * machine may end earlier: then this tries again. The slice does not end before the end of the turn.
 */
function keep(path: string, { calls, driver }: ReturnType<typeof counting>): GrantAtOnce {
  for (const end = performance.now() + 5000; performance.now() < end; ) {
    const held = take(path, driver) as GrantAtOnce;
    const before = calls.unlocked;
    held.release({ next: true });
    if (calls.unlocked === before) return held;
  }
  throw new Error('no release kept the lock for the next call');
}

/** Code of a process that releases a lock when it exits, while the next call of its driver waits. */
const releasedAtExit = (add: string): string =>
  `const last = driver.tryAcquire(request); process.${add}('exit', () => last.release({ next: true }));`;

/** Locks again and again until `until` says so, each time with the next call of the same driver waiting. */
function passOn(path: string, until: () => boolean): void {
  const driver = kernelDriver();
  let held = take(path, driver);
  for (const end = performance.now() + 5000; performance.now() < end; ) {
    held?.release({ next: true });
    if (until()) return;
    held = take(path, driver);
  }
  throw new Error('the lock was never unlocked');
}

describe('a lock that a release keeps for the next call of its thread', () => {
  it('is granted to that call without the kernel, and to nobody else in between', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const counted = counting();
    const first = keep(path, counted);
    const before = { ...counted.calls };
    expect(take(path)).toBeUndefined();
    expect(take(path, kernelDriver(), reader)).toBeUndefined();
    const second = take(path, counted.driver);
    expect(second?.previousOwnerDied).toBe(false);
    expect(counted.calls).toEqual(before);
    // The grant that was released has nothing any more.
    first.release();
    expect(take(path)).toBeUndefined();
    second?.release();
    expect(take(path)).toBeDefined();
  });

  it('G1 is the one of its name that the next call gets, while others are kept too: these are free at the end of the turn', async () => {
    using directory = lockDirectory();
    const paths = ['x', 'y', 'z'].map((name) => join(directory.path, name));
    const counted = counting();
    for (const path of paths) keep(path, counted);
    const before = counted.calls.locked;
    const held = paths.slice(0, 2).map((path) => take(path, counted.driver));
    expect(counted.calls.locked).toBe(before);
    await turn();
    const isFree = paths.map((path) => {
      const grant = take(path);
      grant?.release();
      return grant !== undefined;
    });
    expect(isFree).toEqual([false, false, true]);
    for (const grant of held) grant?.release();
  });

  it('is free at the end of the turn of the event loop when that call does not come', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    keep(path, counting());
    expect(take(path)).toBeUndefined();
    await turn();
    expect(take(path)?.previousOwnerDied).toBe(false);
  });

  it.each([
    ['a reader', reader],
    ['a permit holder', permit],
  ])('is granted to %s of the same driver instead, since then that call did not come', (_who, mode) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const counted = counting();
    keep(path, counted);
    const shared = take(path, counted.driver, mode);
    expect(shared?.previousOwnerDied).toBe(false);
    expect(take(path)).toBeUndefined();
    shared?.release();
    expect(take(path)?.previousOwnerDied).toBe(false);
  });

  it('is free before lockSync stops the thread, which may wait for it', () => {
    using directory = lockDirectory();
    keep(join(directory.path, 'x'), counting());
    const held = lockSync('x', { external: true, lockPath: directory.path, driver: kernelDriver(), timeout: 10_000 });
    expect(held.previousOwnerDied).toBe(false);
    held.release();
  });

  it('G27 is unlocked for other processes after a slice, however many calls follow each other', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let theirs: GrantAtOnce | undefined;
    passOn(path, () => {
      theirs = take(path);
      return theirs !== undefined;
    });
    theirs?.release();
  });

  it('G4 is not kept when it was lost, removed, downgraded or never seen', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    take(path)?.release({ next: true, remove: true });
    take(path)?.release({ next: true, unused: true });
    const shared = take(path);
    shared?.downgrade?.();
    shared?.release({ next: true });
    const held = take(path);
    expect(held).toBeDefined();
    held?.release();
  });

  it('G25 costs the process one exit listener, however many drivers it has', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    keep(path, counting());
    const before = process.listenerCount('exit');
    for (let n = 0; n < 3; n += 1) keep(`${path}${n}`, counting());
    expect(process.listenerCount('exit')).toBe(before);
  });

  it('G4 is not kept when its record could not be written, and its file gets no other content', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const system: KernelSystem = {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (length > 100) throw Object.assign(new Error('ENOSPC, injected'), { code: 'ENOSPC' });
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    };
    take(path, kernelDriver({ system }))?.release({ next: true });
    await turn();
    expect(readFileSync(path, 'utf8')).toBe('');
    const held = take(path);
    expect(held?.previousOwnerDied).toBe(false);
    held?.release();
  });

  it('G19 is not kept when the record of a dead owner could not be replaced, whose death is reported once', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let isFull = false;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        if (isFull && length > 100) throw Object.assign(new Error('ENOSPC, injected'), { code: 'ENOSPC' });
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    };
    const driver = kernelDriver({ system });
    // A busy machine may end the slice, so several times.
    for (let round = 0; round < 20; round += 1) {
      const dead = take(path, driver);
      const left = readFileSync(path);
      dead?.release();
      writeFileSync(path, left);
      isFull = true;
      const told = take(path, driver);
      told?.release({ next: true });
      const next = take(path, driver);
      isFull = false;
      expect([told?.previousOwnerDied, next?.previousOwnerDied]).toEqual([true, false]);
      next?.release();
    }
  });

  it('G19 reports no death after its file was kept young by writing, as that of another user is', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const system: KernelSystem = {
      ...defaultKernelSystem,
      futimesSync() {
        throw Object.assign(new Error('EPERM, injected'), { code: 'EPERM' });
      },
    };
    const driver = kernelDriver({ system });
    for (let round = 0; round < 20; round += 1) {
      const held = take(path, driver);
      held?.refresh?.(true);
      held?.release({ next: true });
      const next = take(path, driver);
      expect(next?.previousOwnerDied).toBe(false);
      next?.release();
    }
  });

  it('G16 leaves other content alone that was written to its file while it was passed on', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const counted = counting();
    const place = counted.driver.joinQueue?.(requestFor(path)) as PlaceAtOnce;
    keep(path, counted);
    writeFileSync(path, 'other content');
    const queued = counted.driver.tryAcquire(requestFor(path), place as never) as GrantAtOnce;
    queued.release();
    take(path, counted.driver)?.release();
    expect(readFileSync(path, 'utf8')).toBe('other content');
    place.leave();
  });

  it('G18 names the time of its own grant in its record, which a call of the same time leaves as it is', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    let writes = 0;
    const system: KernelSystem = {
      ...defaultKernelSystem,
      writeSync(fd, bytes, offset, length, position) {
        writes += 1;
        return defaultKernelSystem.writeSync(fd, bytes, offset, length, position);
      },
    };
    const driver = kernelDriver({ system });
    const seen = { left: 0, changed: 0 };
    // A slice lasts for a millisecond, so that most of them see the next one begin.
    for (const end = performance.now() + 5000; seen.left * seen.changed === 0 && performance.now() < end; ) {
      const first = take(path, driver) as GrantAtOnce;
      writes = 0;
      first.release({ next: true });
      const isPassedOn = writes === 0;
      const before = Date.now();
      const second = take(path, driver) as GrantAtOnce;
      const after = Date.now();
      if (isPassedOn && writes === 0) seen.left += 1;
      if (isPassedOn && writes === 1) seen.changed += 1;
      const [holder] = driver.holders(requestFor(path)) as readonly Holder[];
      const since = holder?.since?.getTime() ?? 0;
      expect(since).toBeGreaterThanOrEqual(before);
      expect(since).toBeLessThanOrEqual(after);
      second.release();
    }
    expect(seen.left).toBeGreaterThan(0);
    expect(seen.changed).toBeGreaterThan(0);
  });

  it.each([
    ['killed before that call took it, which was granted it by then', '', 'SIGKILL', true],
    ['killed while that call held it', 'driver.tryAcquire(request);', 'SIGKILL', true],
    ['ended by its own exit before that call took it', '', undefined, false],
    ['ended by its own exit while that call held it', 'driver.tryAcquire(request);', undefined, true],
    ['ended by its own exit, at which that call released it for one more', releasedAtExit('on'), undefined, false],
    [
      'ended by its own exit, at which that call released it first',
      releasedAtExit('prependListener'),
      undefined,
      false,
    ],
  ])('G19 reports the death of a process that was %s', async (_when, after, signal, died) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const victim = await Contender.start();
    const drivers = new URL('../../../../dist/drivers.js', import.meta.url).href;
    const code = `
      const { kernelDriver } = await import(${JSON.stringify(drivers)});
      const driver = kernelDriver();
      const request = ${JSON.stringify({ name: 'x', path, shared: false })};
      for (let warm = 0; warm < 100; warm += 1) driver.tryAcquire(request).release();
      driver.tryAcquire(request).release({ next: true });
      ${after}
      ${signal === undefined ? 'process.exit();' : `process.kill(process.pid, '${signal}');`}`;
    const ended = new Promise((resolve) => victim.process.once('exit', resolve));
    await victim.ask('run', { code }).catch(() => {});
    await ended;
    const next = take(path);
    expect(next?.previousOwnerDied).toBe(died);
    next?.release();
  });
});

describe('many tasks of one process that wait for one external lock', () => {
  it('pass it on without the kernel, in their order, each with its own record', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const { calls, driver } = counting();
    const options: LockOptions = { external: true, lockPath: directory.path, driver };
    const order: number[] = [];
    const labels: unknown[] = [];
    const first = await lock('x', options);
    const tasks = Array.from({ length: 100 }, async (_, n) => {
      await lock('x', { ...options, label: `task ${n}` }, () => {
        order.push(n);
        if (n % 25 === 0) labels.push((driver.holders(requestFor(path)) as readonly Holder[])[0]?.label);
      });
    });
    await first.release();
    await Promise.all(tasks);
    expect(order).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect(labels).toEqual(['task 0', 'task 25', 'task 50', 'task 75']);
    expect(calls.locked).toBeLessThan(60);
    expect(calls.unlocked).toBe(calls.locked);
  });

  it('G10 leave it to the process that is first in the queue when they ask for order', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path, fair: true };
    const order: string[] = [];
    const held = await lock('x', options);
    const place = kernelDriver().joinQueue?.(requestFor(join(directory.path, 'x'))) as PlaceAtOnce;
    const tasks = ['a', 'b'].map((task) => lock('x', options, () => order.push(task)));
    await held.release();
    expect(place.isFirst()).toBe(true);
    await turn();
    expect(order).toEqual([]);
    place.leave();
    await Promise.all(tasks);
    expect(order).toEqual(['a', 'b']);
  });

  it('let a task that gives up pass it by, and leave it free when all have given up', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const held = await lock('x', options);
    const gives = new AbortController();
    const given = Array.from({ length: 3 }, () => lock('x', { ...options, signal: gives.signal }));
    const stays = lock('x', options);
    // In the same turn: the lock is kept for a task that does not want it any more.
    const released = held.release();
    gives.abort(new Error('given up'));
    await released;
    for (const task of given) await expect(task).rejects.toThrow('given up');
    await (await stays).release();
    await turn();
    const free = take(join(directory.path, 'x'));
    expect(free?.previousOwnerDied).toBe(false);
    free?.release();
  });
});
