import { spawnSync } from 'node:child_process';
import { readdirSync, rmdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { closeLockPath } from '@oslo-concurrency/lockutils';
import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { alone, type GrantAtOnce, type Mode, type PlaceAtOnce, reader, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const fixture = (name: string): string => join(import.meta.dirname, '../../../fixtures', `${name}.mjs`);
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
    const begin = performance.now();
    await expect.poll(() => second.isFirst(), { interval: 10 }).toBe(true);
    expect(performance.now() - begin).toBeGreaterThan(85);
    scene.acquire(second).release();
    scene.acquire('newcomer').release();
  });

  it('G27 a thread does not make way again for a waiter that it has passed, when its slice is over', async () => {
    for (let soon = false; !soon; ) {
      using scene = new Scene();
      scene.join();
      const second = scene.join();
      const begin = performance.now();
      await expect.poll(() => second.isFirst(), { interval: 10 }).toBe(true);
      scene.acquire(second).release();
      let granted = true;
      // Longer than the longest slice.
      for (const end = performance.now() + 30; granted && performance.now() < end; ) {
        const grant = scene.try('newcomer');
        granted = grant !== undefined;
        grant?.release();
      }
      // It passes it for a second, and then looks again whether it reacts.
      soon = performance.now() < begin + 900;
      if (soon) expect(granted).toBe(true);
    }
  });

  it('G27 no waiter passes another one while the lock is held', async () => {
    using scene = new Scene();
    const held = scene.acquire();
    scene.join();
    const second = scene.join();
    for (let looks = 0; looks < 5; looks += 1) {
      expect(second.isFirst()).toBe(false);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    held.release();
    second.leave();
  });

  it('G27 a newcomer of a thread that has no turn does not pass a waiter of another one', () => {
    using scene = new Scene();
    const place = scene.join();
    const other = lockfileDriver({ synchronous: true });
    expect(other.tryAcquire(requestFor(scene.path), 'newcomer')).toBeUndefined();
    place.leave();
    (other.tryAcquire(requestFor(scene.path), 'newcomer') as GrantAtOnce).release();
  });

  it('G16 a thread that could not join the queue joins it the next time', async () => {
    let fails = false;
    const fs: typeof synchronousFs = {
      ...synchronousFs,
      readdir(path) {
        if (fails && path.endsWith('/queue/x')) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
        return synchronousFs.readdir(path);
      },
    };
    using scene = new Scene(fs);
    const first = scene.join();
    for (let holds = 0; holds < 2; holds += 1) scene.acquire().release();
    fails = true;
    expect(() => scene.join()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_FILE_SYSTEM' }));
    fails = false;
    const second = scene.join();
    expect(scene.names('queue', 'x')).toHaveLength(2);
    first.leave();
    scene.acquire(second).release();
    second.leave();
    // The thread goes on without the lock, and has no turn any more: it prepares nothing for its next call.
    await turn();
    scene.acquire().release();
    expect(scene.names('new')).toEqual([]);
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

  it('G27 a thread whose slice has ended between two holds need not queue if nobody waits', () => {
    using scene = new Scene();
    const place = scene.join();
    for (let holds = 0; holds < 2; holds += 1) scene.acquire().release();
    place.leave();
    // Longer than the longest slice.
    for (const end = performance.now() + 9; performance.now() < end; );
    scene.acquire('newcomer').release();
  });

  it.each([false, true])('G10 a grant takes the ticket with it (promised an order: %s)', async (ordered) => {
    using scene = new Scene();
    const place = scene.join(ordered);
    // A hold of the same thread ends meanwhile.
    scene.acquire().release();
    await turn();
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

  it('G9 a waiter whose ticket was removed does not take that of the next one, which got its number', () => {
    using scene = new Scene();
    const robbed = scene.join();
    rmSync(join(scene.directory.path, '.oslo-concurrency', 'lockfile', 'queue', 'x'), { recursive: true });
    const next = scene.join();
    const ticket = scene.names('queue', 'x', '1');
    const held = scene.acquire(robbed);
    expect(scene.names('queue', 'x', '1')).toEqual(ticket);
    expect(scene.try(next)).toBeUndefined();
    held.release();
    scene.acquire(next).release();
  });

  it.each(['before', 'after'])(
    'G15 a process that exits in its turn, and holds the lock once more then, leaves nothing (listener %s)',
    async (order) => {
      using scene = new Scene();
      const { stderr, status } = spawnSync(process.execPath, [fixture('exits-in-turn'), scene.path, order]);
      expect([stderr.toString(), status]).toEqual(['', 0]);
      expect([...scene.names('new'), ...scene.names('held'), ...scene.names('queue')]).toEqual([]);
      expect(scene.acquire().previousOwnerDied).toBe(false);
    },
  );

  it('G15 a thread that does not come back prepares nothing at its release, and closes its file', async () => {
    using scene = new Scene();
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let holds = 0; holds < 20; holds += 1) {
      scene.acquire(scene.join()).release();
      expect(scene.names('new')).toEqual([]);
      await turn();
    }
    expect(open() - before).toBeLessThan(20);
  });

  it('G25 a thread whose turn began after a hold, and that goes on without the lock, has no turn any more', async () => {
    using scene = new Scene();
    const other = lockfileDriver({ synchronous: true });
    const place = other.joinQueue?.(requestFor(scene.path), false) as PlaceAtOnce;
    scene.acquire().release();
    await turn();
    place.leave();
    for (let holds = 0; holds < 3; holds += 1) scene.acquire().release();
    expect(scene.names('new')).toEqual([]);
  });

  it('G15 a release that is asked to remove the files of the lock leaves nothing, not even until the end of the turn', () => {
    using scene = new Scene();
    const place = scene.join();
    for (let holds = 0; holds < 2; holds += 1) scene.acquire().release();
    place.leave();
    scene.acquire().release({ remove: true });
    expect([...scene.names('new'), ...scene.names('held'), ...scene.names('queue')]).toEqual([]);
  });

  it('G15 a thread that finds the lock held in its turn leaves nothing', async () => {
    using scene = new Scene();
    const place = scene.join();
    scene.acquire().release();
    const held = lockfileDriver({ synchronous: true }).tryAcquire(requestFor(scene.path)) as GrantAtOnce;
    expect(scene.try()).toBeUndefined();
    place.leave();
    held.release();
    await turn();
    expect([...scene.names('new'), ...scene.names('held'), ...scene.names('queue')]).toEqual([]);
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

  it('G28 a thread that has acquired the lock again by the end of the turn has woken nobody', async () => {
    using scene = new Scene();
    const held = scene.acquire('newcomer');
    const first = scene.join();
    first.onTurn(() => {});
    held.release();
    for (let holds = 0; holds < 2; holds += 1) scene.try('newcomer')?.release();
    const [folder = ''] = scene.names('wake');
    const woken = join(scene.directory.path, '.oslo-concurrency', 'lockfile', 'wake', folder);
    utimesSync(woken, 1, 1);
    const grant = scene.try('newcomer');
    grant?.release();
    const again = scene.try('newcomer');
    await turn();
    // A busy machine may have ended the slice.
    if (again !== undefined) expect(statSync(woken).mtimeMs).toBe(1000);
    again?.release();
    first.leave();
  });

  it('G10 G28 a holder that was promised an order wakes the next at once, though its thread comes back', () => {
    using scene = new Scene();
    const held = scene.acquire('newcomer');
    const [first, second] = [scene.join(true), scene.join(true)];
    second.onTurn(() => {});
    held.release();
    // From the second of these on, the wake of a call without a promise is put off.
    for (let holds = 0; holds < 3; holds += 1) scene.try('newcomer')?.release();
    const own = scene.acquire(first);
    const [folder = ''] = scene.names('wake');
    const woken = join(scene.directory.path, '.oslo-concurrency', 'lockfile', 'wake', folder);
    utimesSync(woken, 1, 1);
    own.release();
    expect(statSync(woken).mtimeMs).not.toBe(1000);
    second.leave();
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

  it('G28 a waiter hears the hints though the folder of all hints was replaced, or removed by hand, as it came', async () => {
    let removed = 0;
    using scene = new Scene({
      ...synchronousFs,
      rename(from, to) {
        if (basename(dirname(to)) === 'wake' && removed < 3) {
          rmdirSync(dirname(to));
          removed += 1;
        }
        void synchronousFs.rename(from, to);
      },
    });
    const held = scene.acquire();
    const place = scene.join();
    const wakes = wakesOf(place);
    expect(removed).toBe(3);
    held.release();
    await woken(wakes);
    place.leave();
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
