import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { alone, type GrantAtOnce, type Mode, type PlaceAtOnce, reader, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One lock, and the calls of a driver at it. */
class Scene implements Disposable {
  readonly directory = lockDirectory();
  readonly path = join(this.directory.path, 'x');
  readonly #driver;

  constructor(fs = synchronousFs) {
    this.#driver = lockfileDriver({ fs, synchronous: true });
  }

  try(by?: PlaceAtOnce | 'newcomer', mode: Mode = alone): GrantAtOnce | undefined {
    return this.#driver.tryAcquire(requestFor(this.path, mode), by) as GrantAtOnce | undefined;
  }

  acquire(by?: PlaceAtOnce | 'newcomer', mode: Mode = alone): GrantAtOnce {
    const grant = this.try(by, mode);
    expect(grant).toBeDefined();
    return grant as GrantAtOnce;
  }

  join(ordered = false): PlaceAtOnce {
    return this.#driver.joinQueue?.(requestFor(this.path), ordered) as PlaceAtOnce;
  }

  get tickets(): string[] {
    try {
      return readdirSync(join(this.directory.path, '.oslo-concurrency', 'lockfile', 'queue', 'x'));
    } catch {
      return [];
    }
  }

  /** Acquires the lock as a newcomer until that is refused; at most for a second or so. */
  useUpSlice(): void {
    const end = performance.now() + 1000;
    let granted = this.try('newcomer');
    // The machine may stop this process for all of that time.
    for (let n = 0; granted !== undefined && (n < 1000 || performance.now() < end); n += 1) {
      granted.release();
      granted = this.try('newcomer');
    }
    expect(granted).toBeUndefined();
  }

  [Symbol.dispose](): void {
    this.directory[Symbol.dispose]();
  }
}

/** Counts the wakes of a waiter from now on. */
function wakesOf(place: PlaceAtOnce): { count: number } {
  const wakes = { count: 0 };
  place.onTurn(() => {
    wakes.count += 1;
  });
  return wakes;
}

const woken = (wakes: { count: number }): Promise<void> =>
  expect.poll(() => wakes.count, { interval: 1 }).toBeGreaterThan(0);

describe.runIf(process.platform === 'linux')('G27 the turns of the lockfile driver', () => {
  it('G27 a thread acquires the lock again for a slice; then it queues, and the first waiter is granted the lock', () => {
    using scene = new Scene();
    const held = scene.acquire('newcomer');
    const first = scene.join();
    held.release();
    scene.useUpSlice();
    expect(first.isFirst()).toBe(true);
    scene.acquire(first).release();
    // Nobody waits any more.
    scene.acquire('newcomer').release();
  });

  it('G27 a slice begins when a newcomer or the first waiter is granted the lock: the thread may pass those behind', () => {
    for (let early = false; !early; ) {
      using scene = new Scene();
      const start = performance.now();
      const held = scene.acquire('newcomer');
      const [first, second] = [scene.join(), scene.join()];
      held.release();
      const again = scene.try('newcomer');
      // A busy machine may have ended the slice.
      early = performance.now() < start + 4;
      if (!early) continue;
      expect(again).toBeDefined();
      again?.release();
      scene.useUpSlice();
      const begin = performance.now();
      scene.acquire(first).release();
      const third = scene.try('newcomer');
      early = performance.now() < begin + 4;
      if (early) expect(third).toBeDefined();
      third?.release();
      second.leave();
    }
  });

  it('G27 a waiter that does not react is passed, and not made way for by the thread that has passed it', async () => {
    using scene = new Scene();
    // It never looks again, as if its event loop were blocked.
    scene.join();
    const second = scene.join();
    await expect.poll(() => second.isFirst(), { interval: 10 }).toBe(true);
    scene.acquire(second).release();
    scene.acquire('newcomer').release();
  });

  it('G27 a thread that has had no turn does not pass a waiter, but a call that must not wait does', () => {
    using scene = new Scene();
    const first = scene.join();
    expect(scene.try('newcomer')).toBeUndefined();
    scene.acquire().release();
    first.leave();
    scene.acquire('newcomer').release();
  });

  it('G27 a thread does not make way for a waiter that is stopped', async () => {
    using scene = new Scene();
    await using stopped = await Contender.start();
    const held = scene.acquire();
    await stopped.queue('x', { external: true, driver: 'lockfile', lockPath: scene.directory.path });
    await stopped.stop();
    held.release();
    // Longer than the longest slice.
    for (const end = performance.now() + 30; performance.now() < end; ) scene.acquire('newcomer').release();
    expect(scene.tickets).toHaveLength(1);
    const behind = scene.join();
    expect(behind.isFirst()).toBe(true);
    behind.leave();
    // One that was promised an order goes before later ones also after a moment's stop.
    const ordered = scene.join(true);
    expect(ordered.isFirst()).toBe(false);
    ordered.leave();
  });

  it('G27 a waiter leaves the queue at its grant, and one that was promised an order at its release', () => {
    using scene = new Scene();
    const plain = scene.join();
    const held = scene.acquire(plain);
    expect(scene.tickets).toEqual([]);
    held.release();
    const fair = scene.join(true);
    scene.acquire(fair).release();
    expect(scene.tickets).toEqual(['1']);
    fair.leave();
    expect(scene.tickets).toEqual([]);
  });
});

describe.runIf(process.platform === 'linux')('G28 the hints of the lockfile driver', () => {
  it('G28 a release wakes the first waiter and no other; none is woken by a grant', async () => {
    using scene = new Scene();
    const held = scene.acquire();
    const [first, second] = [scene.join(), scene.join()];
    const wakes = [wakesOf(first), wakesOf(second)] as const;
    held.release();
    await woken(wakes[0]);
    scene.acquire(first);
    // Comes after all events before it.
    const third = scene.join();
    const last = wakesOf(third);
    second.leave();
    await woken(last);
    expect(wakes[1].count).toBeLessThanOrEqual(2);
    third.leave();
  });

  it('G28 a thread that acquires the lock again in the same turn wakes nobody until its slice is over', async () => {
    let hints = 0;
    const fs = {
      ...synchronousFs,
      utimes() {
        hints += 1;
      },
    };
    using scene = new Scene(fs);
    const held = scene.acquire('newcomer');
    const first = scene.join();
    held.release();
    expect(hints).toBe(1);
    const again = scene.try('newcomer');
    again?.release();
    // A busy machine may have ended the slice.
    if (again !== undefined) expect(hints).toBeLessThanOrEqual(2);
    await turn();
    expect(hints).toBeGreaterThanOrEqual(again === undefined ? 1 : 2);
    first.leave();
  });

  it('G28 no hint is given to a waiter that was promised an order: it would wake the one behind it', () => {
    let hints = 0;
    const fs = {
      ...synchronousFs,
      utimes() {
        hints += 1;
      },
    };
    using scene = new Scene(fs);
    const held = scene.acquire();
    const places = [scene.join(true), scene.join()];
    held.release();
    expect(hints).toBe(0);
    for (const place of places) place.leave();
  });

  it.each<[string, (scene: Scene) => () => void]>([
    [
      'a reader that leaves',
      (scene) => {
        const held = scene.acquire(undefined, reader);
        return () => held.release();
      },
    ],
    [
      'a downgrade',
      (scene) => {
        const held = scene.acquire();
        return () => held.downgrade?.();
      },
    ],
    [
      'an upgrade that is given up',
      (scene) => {
        const upgrade = scene.acquire(undefined, reader).upgrade?.();
        return () => upgrade?.end();
      },
    ],
    [
      'a waiter that gives up',
      (scene) => {
        const place = scene.join();
        return () => place.leave();
      },
    ],
  ])('G28 %s wakes the first waiter', async (_, prepare) => {
    using scene = new Scene();
    const act = prepare(scene);
    const first = scene.join();
    const wakes = wakesOf(first);
    await turn();
    act();
    await woken(wakes);
    first.leave();
  });

  it('G28 wakes a waiter of another user, whose files it may not touch, and leaves nothing there', async () => {
    const fs = {
      ...synchronousFs,
      utimes() {
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      },
    };
    using scene = new Scene(fs);
    const held = scene.acquire();
    const first = scene.join();
    const wakes = wakesOf(first);
    held.release();
    await woken(wakes);
    first.leave();
    expect(scene.tickets).toEqual([]);
  });
});
