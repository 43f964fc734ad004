import { existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { everyInterleaving, makeLockPath, Scene, type Start } from '../../support/lockfile/interleaving.js';
import { testProperty } from '../../support/property-test.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let scenes = 0;
const newScene = (start: Start): Scene => {
  scenes += 1;
  return new Scene(directory, `lock ${scenes}`, start);
};
const hidden = (...names: string[]): string => join(directory, '.oslo-concurrency', 'lockfile', ...names);

describe('the protocol of the lockfile driver, call by call', () => {
  /** Returns whether it followed this order to its end. */
  const inEveryOrder = (scene: Scene, choose: (runnable: readonly number[]) => number): boolean => {
    for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
      if (!scene.stepInNewOrder(choose(next))) return false;
    }
    expect(scene.mostInside).toBe(1);
    return true;
  };

  // With the least number of orders, of which none comes to the same as another.
  test.each<[Start, number]>([
    ['free', 3],
    ['empty folder', 5],
    ['dead holder', 30],
  ])('lets one of two in, whatever the order of their calls, when they meet: %s', (start, atLeast) => {
    const runs = everyInterleaving((choose) => {
      const scene = newScene(start);
      scene.add(true);
      scene.add(true);
      // The first call only looks; whoever looks later sees no less.
      if (start === 'dead holder') for (const index of scene.runnable()) scene.step(index);
      // They are alike: the orders in which the other one goes first are these with the names exchanged.
      scene.step(0);
      if (!inEveryOrder(scene, choose)) return false;
      expect(scene.toldOfDeath).toEqual([start === 'dead holder']);
      return true;
    });
    expect(runs).toBeGreaterThanOrEqual(atLeast);
  });

  test('a release and one who comes meanwhile do not hurt each other, whatever the order of their calls', () => {
    const runs = everyInterleaving((choose) => {
      const scene = newScene('free');
      scene.enter(scene.add());
      scene.add();
      if (!inEveryOrder(scene, choose)) return false;
      scene.finish(scene.add());
      expect(scene.grants).toBeGreaterThan(1);
      expect(scene.toldOfDeath).not.toContain(true);
      return true;
    });
    expect(runs).toBeGreaterThan(10);
  });

  testProperty(
    [
      fc.constantFrom<Start>('free', 'empty folder', 'dead holder'),
      fc.integer({ min: 2, max: 4 }),
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 19 })), { minLength: 60, maxLength: 60 }),
    ],
    { numRuns: Number(process.env.FC_RUNS ?? 1000) },
  )('lets at most one in and the next always, with crashes between any two calls', (start, actors, schedule) => {
    const scene = newScene(start);
    for (let count = 0; count < actors; count += 1) scene.add();
    let crashes = 0;
    for (const [choice, fate] of schedule) {
      const runnable = scene.runnable();
      const index = runnable[choice % runnable.length];
      if (index === undefined) break;
      if (fate === 0) {
        scene.crash(index);
        crashes += 1;
      } else scene.step(index);
    }
    for (const index of scene.runnable()) scene.finish(index);
    const before = scene.grants;
    scene.finish(scene.add());
    expect(scene.mostInside).toBe(1);
    expect(scene.grants).toBe(before + 1);
    const told = scene.toldOfDeath.filter(Boolean).length;
    if (crashes === 0) expect(told).toBe(start === 'dead holder' ? 1 : 0);
    else expect(told).toBeLessThanOrEqual(crashes + 1);
    for (const kind of ['held', 'died']) expect(existsSync(hidden(kind, basename(scene.lockFile)))).toBe(false);
  });
});
