import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { closeLockPath } from '@oslo-concurrency/lockutils';
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
    return this.#driver.joinQueue?.(requestFor(this.path), ordered) as unknown as PlaceAtOnce;
  }

  /** The names in one of the driver's folders. */
  names(...folders: readonly string[]): string[] {
    try {
      return readdirSync(join(this.directory.path, '.oslo-concurrency', 'lockfile', ...folders));
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

  it('G10 a waiter that was promised an order does not pass one that does not react', async () => {
    using scene = new Scene();
    const first = scene.join(true);
    const second = scene.join(true);
    for (let looks = 0; looks < 4; looks += 1) {
      expect(second.isFirst()).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    first.leave();
    expect(second.isFirst()).toBe(true);
    second.leave();
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
    expect(scene.names('queue', 'x')).toHaveLength(1);
    const behind = scene.join();
    expect(behind.isFirst()).toBe(true);
    behind.leave();
    // One that was promised an order goes before later ones also after a moment's stop.
    const ordered = scene.join(true);
    expect(ordered.isFirst()).toBe(false);
    ordered.leave();
  });

  it.each([false, true])('G10 a grant takes the ticket with it (promised an order: %s)', (ordered) => {
    using scene = new Scene();
    const place = scene.join(ordered);
    const ticket = scene.names('queue', 'x', '1');
    const held = scene.acquire(place);
    expect(scene.names('held', 'x')).toEqual(ticket);
    expect(scene.names('queue', 'x')).toEqual([]);
    held.release();
    place.leave();
    expect(scene.names('held', 'x')).toEqual([]);
  });

  it('G4 a waiter whose ticket was removed by hand is granted the lock all the same', () => {
    let gone = '';
    const fs: typeof synchronousFs = {
      ...synchronousFs,
      rename(from, to) {
        if (from === gone) {
          for (const name of synchronousFs.readdir(from) as string[]) void synchronousFs.unlink(join(from, name));
          void synchronousFs.rmdir(from);
        }
        void synchronousFs.rename(from, to);
      },
    };
    using scene = new Scene(fs);
    const place = scene.join();
    gone = join(scene.directory.path, '.oslo-concurrency', 'lockfile', 'queue', 'x', '1');
    const held = scene.acquire(place);
    expect(scene.try()).toBeUndefined();
    held.release();
    scene.acquire().release();
  });

  it('G15 G25 a thread that goes on without the lock leaves nothing on the disk, and no turn', async () => {
    using scene = new Scene();
    const first = scene.join();
    for (let n = 0; n < 5; n += 1) scene.acquire().release();
    expect(scene.names('new').length).toBeGreaterThan(0);
    scene.acquire(first).release();
    await turn();
    expect([...scene.names('new'), ...scene.names('held'), ...scene.names('queue')]).toEqual([]);
    // Whatever it has kept: closeLockPath closes and removes it before the end of the turn too.
    const held = scene.acquire(scene.join());
    held.release();
    scene.acquire(scene.join()).release();
    expect(scene.names('new')).not.toEqual([]);
    closeLockPath({ lockPath: scene.directory.path });
    expect([...scene.names('new'), ...scene.names('held')]).toEqual([]);
    await turn();
    const second = scene.join();
    expect(scene.try('newcomer')).toBeUndefined();
    second.leave();
  });
});

describe.runIf(process.platform === 'linux')('G28 the hints of the lockfile driver', () => {
  const options = (scene: Scene) => ({
    ...({ external: true, driver: 'lockfile', lockPath: scene.directory.path } as const),
    ...{ delay: 60_000, timeout: 30_000 },
  });
  const loops = 'return performance.nodeTiming.uvMetricsInfo.loopCount';

  it('G28 a release wakes the first waiter and no other; none is woken by a grant', async () => {
    using scene = new Scene();
    await using first = await Contender.start();
    await using second = await Contender.start();
    const held = scene.acquire();
    const waits = [await first.queue('x', options(scene)), await second.queue('x', options(scene))];
    const before = await second.ask<number>('run', { code: loops });
    held.release();
    await waits[0]?.granted;
    // The question is a turn too.
    expect((await second.ask<number>('run', { code: loops })) - before).toBeLessThan(4);
    await first.release('x');
    await waits[1]?.granted;
    await second.release('x');
  });

  it('G28 a thread that acquires the lock again in the same turn wakes nobody until its slice is over', async () => {
    using scene = new Scene();
    const held = scene.acquire('newcomer');
    const first = scene.join();
    held.release();
    await turn();
    const grant = scene.try('newcomer');
    if (grant === undefined) return;
    const wakes = wakesOf(first);
    grant.release();
    await turn();
    await woken(wakes);
    first.leave();
  });

  it('G28 a waiter that came at the same time as others, and took its number back, passes on the hint that it may have got', async () => {
    let other: PlaceAtOnce | undefined;
    let wakes = { count: 0 };
    const scene = new Scene({
      ...synchronousFs,
      rename(from, to) {
        void synchronousFs.rename(from, to);
        // Number 1 was free when it looked. Another waiter, which has looked before, takes number 2.
        if (other !== undefined || !to.endsWith('/queue/x/1')) return;
        other = scene.join();
        wakes = wakesOf(other);
      },
    });
    using _ = scene;
    const place = scene.join();
    expect(scene.names('queue', 'x')).toEqual(['2', '3']);
    await woken(wakes);
    place.leave();
    other?.leave();
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
      'a first waiter that gives up',
      (scene) => {
        const place = scene.join();
        return () => place.leave();
      },
    ],
    [
      'a holder that was promised an order',
      (scene) => {
        const held = scene.acquire(scene.join(true));
        return () => held.release();
      },
    ],
    [
      'a holder that finds its lock gone',
      (scene) => {
        const held = scene.acquire();
        return () => {
          const folder = join(scene.directory.path, '.oslo-concurrency', 'lockfile', 'held', 'x');
          for (const name of readdirSync(folder)) void synchronousFs.unlink(join(folder, name));
          expect(() => held.release()).toThrow();
        };
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
});
