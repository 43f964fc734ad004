import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type GrantAtOnce, type PlaceAtOnce, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const queueIn = (directory: string): string => join(directory, '.oslo-concurrency', 'queue', 'x');

function draw(directory: string): PlaceAtOnce {
  return kernelDriver().joinQueue?.(requestFor(join(directory, 'x'))) as PlaceAtOnce;
}

describe('a place in the queue of the kernel driver', () => {
  it('G11 a reader that is first keeps no other from an upgrade, and is not admitted while one is under way', () => {
    using directory = lockDirectory();
    const driver = kernelDriver();
    const request = { ...requestFor(join(directory.path, 'x')), shared: true };
    const place = driver.joinQueue?.(request) as PlaceAtOnce;
    expect(place.isFirst()).toBe(true);
    const grant = driver.tryAcquire(request) as GrantAtOnce;
    const upgrade = grant.upgrade?.();
    expect(upgrade).toBeDefined();
    expect(place.isFirst()).toBe(false);
    upgrade?.end();
    expect(place.isFirst()).toBe(true);
    place.leave();
    grant.release();
  });

  it('G10 a place that was left is first no more, and is left once only', () => {
    using directory = lockDirectory();
    const [first, second] = [draw(directory.path), draw(directory.path)];
    first.leave();
    expect(first.isFirst()).toBe(false);
    expect(second.isFirst()).toBe(true);
    first.leave();
    expect(second.isFirst()).toBe(true);
    second.leave();
  });
});

describe('a place that is far from the first', () => {
  it('G28 has more than two waiters before it, and is far no more when all but two of them have left', () => {
    using directory = lockDirectory();
    const places = Array.from({ length: 5 }, () => draw(directory.path));
    expect(places.map((place) => place.isFar?.())).toEqual([false, false, false, true, true]);
    places[1]?.leave();
    expect(places[3]?.isFar?.()).toBe(true);
    places[0]?.leave();
    expect(places.slice(2).map((place) => place.isFar?.())).toEqual([false, false, false]);
    for (const place of places) place.leave();
  });

  it('G28 locks nothing by looking, and is not far after it has left', () => {
    using directory = lockDirectory();
    const places = Array.from({ length: 4 }, () => draw(directory.path));
    const last = places.pop();
    for (const place of places) place.leave();
    expect(last?.isFar?.()).toBe(false);
    const next = draw(directory.path);
    expect(next.isFar?.()).toBe(false);
    last?.leave();
    expect([last?.isFar?.(), next.isFirst()]).toEqual([false, true]);
    next.leave();
  });
});

describe('a waiter that was promised no order, of a lock file without a record', () => {
  const waiters = (directory: string): [PlaceAtOnce, PlaceAtOnce] => {
    const driver = kernelDriver();
    const another = (): PlaceAtOnce => driver.joinQueue?.(requestFor(join(directory, 'x')), false) as PlaceAtOnce;
    return [another(), another()];
  };

  it('G27 passes the first one if the wish of that one stays the same', async () => {
    using directory = lockDirectory();
    const [first, second] = waiters(directory.path);
    expect(first.isFirst()).toBe(true);
    first.ask();
    expect(second.isFirst()).toBe(false);
    await expect.poll(() => second.isFirst()).toBe(true);
    first.leave();
    second.leave();
  });

  it('G27 does not pass a first one that left no wish: an older version leaves none there, and reacts', async () => {
    using directory = lockDirectory();
    const [first, second] = waiters(directory.path);
    expect(first.isFirst()).toBe(true);
    // Longer than it looks at wishes before it passes.
    const end = performance.now() + 600;
    while (performance.now() < end) {
      expect(second.isFirst()).toBe(false);
      await setTimeout(5);
    }
    first.leave();
    expect(second.isFirst()).toBe(true);
    second.leave();
  });
});

describe('G10 a process that is stopped while it draws a ticket', () => {
  async function stoppedAtGuard(directory: string): Promise<Contender> {
    draw(directory).leave();
    const stopped = await Contender.start();
    const drivers = new URL('../../../../dist/drivers.js', import.meta.url).href;
    const code = `
      const { defaultKernelSystem } = await import(${JSON.stringify(drivers)});
      const fd = defaultKernelSystem.openSync(${JSON.stringify(queueIn(directory))}, 2);
      return defaultKernelSystem.tryLock(fd, 2 ** 40, 1, false);`;
    expect(await stopped.ask('run', { code })).toBe(true);
    await stopped.stop();
    return stopped;
  }

  it('G10 keeps nobody from a free lock who asked for no order', async () => {
    using directory = lockDirectory();
    await using _stopped = await stoppedAtGuard(directory.path);
    await using waiter = await Contender.start();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const held = await lock('x', options);
    const { granted } = await waiter.queue('x', options);
    await held.release();
    await granted;
  });

  it('G10 keeps those who asked for order, until it goes on', async () => {
    using directory = lockDirectory();
    await using stopped = await stoppedAtGuard(directory.path);
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    await expect(lock('x', { ...options, timeout: 300 })).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    const granted = lock('x', options);
    stopped.process.kill('SIGKILL');
    await (await granted).release();
  });
});
