import { existsSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { everyInterleaving, makeLockPath } from '../../support/lockfile/interleaving.js';
import { type Deed, SeatScene } from '../../support/lockfile/seat-scene.js';
import { testProperty } from '../../support/property-test.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const changing: Deed[] = ['write, downgrade', 'read, upgrade', 'read, upgrade, downgrade'];
const deeds: Deed[] = ['write', 'read', 'count', 'count', 'count', ...changing];

/** One dies in the middle of its downgrade, and the reader beside it when it has become a writer. */
const twoDead: [Deed[], [number, number, number][], boolean] = [
  ['write', 'read, upgrade, downgrade', 'read, upgrade, downgrade'],
  // Who, whether it is ended first (0), and how many calls it does.
  [
    [2, 1, 9],
    [0, 0, 1],
    ...[8, 6, 5].map((calls): [number, number, number] => [1, 1, calls]),
    ...[1, 1, 1, 1, 5].map((calls): [number, number, number] => [0, 1, calls]),
    [1, 0, 1],
    [0, 1, 8],
    [0, 1, 4],
    [0, 0, 1],
  ],
  true,
];

describe('the seats of the lockfile driver, call by call', () => {
  testProperty(
    [
      fc.array(fc.constantFrom(...deeds), { minLength: 2, maxLength: 5 }),
      // In bursts, so that some stand still while others come and go.
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 19 }), fc.integer({ min: 1, max: 12 })), {
        minLength: 60,
        maxLength: 60,
      }),
      fc.boolean(),
    ],
    { numRuns: Number(process.env.FC_RUNS ?? 400), examples: [twoDead] },
  )(
    'G11 nobody is alone beside another, no more than admitted are in, and it is free afterwards',
    (acts, plan, crashes) => {
      const scene = new SeatScene(directory);
      for (const deed of acts) scene.add(deed);
      let crashed = 0;
      for (const [choice, fate, burst] of plan) {
        const runnable = scene.runnable();
        const index = runnable[choice % runnable.length];
        if (index === undefined) break;
        if (crashes && fate === 0) {
          scene.crash(index);
          crashed += 1;
        }
        for (let call = 0; call < burst && scene.runnable().includes(index); call += 1) scene.step(index);
      }
      for (const index of scene.runnable()) scene.finish(index);
      expect(scene.wrong).toEqual([]);
      expect(scene.told.length).toBeLessThanOrEqual(crashed);
      // Each of these is let in at once, whatever lies around.
      for (const deed of ['write', 'read', 'count', 'count', 'write'] as const) {
        const before = scene.granted.length;
        scene.finish(scene.add(deed));
        expect({ deed, granted: scene.granted.length - before }).toEqual({ deed, granted: 1 });
      }
      expect(existsSync(scene.hidden('held'))).toBe(false);
      if (crashed === 0) for (const kind of ['died', 'died-seats']) expect(existsSync(scene.hidden(kind))).toBe(false);
    },
  );

  test.each<[Deed, Deed]>([
    ['write', 'read'],
    ['write', 'count'],
    ['read', 'count'],
  ])(
    'G11 of %s and %s, who come to a free lock, one at least gets it, in every order of their first calls',
    (one, other) => {
      const runs = everyInterleaving((choose) => {
        const scene = new SeatScene(directory);
        scene.add(one, true);
        scene.add(other, true);
        // Whoever looks later sees no less: the first calls only look.
        for (const index of [0, 1]) for (let call = 0; call < 2; call += 1) scene.step(index);
        let left = 10;
        for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
          left -= 1;
          scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
        }
        expect(scene.wrong).toEqual([]);
        expect(scene.granted.length).toBeGreaterThan(0);
        scene.close();
      });
      expect(runs).toBeGreaterThan(50);
    },
  );

  test('G11 who upgrades meets nobody, and a writer that comes meanwhile is not between, in every order of their first calls', () => {
    const runs = everyInterleaving((choose) => {
      const scene = new SeatScene(directory);
      const reader = scene.add('read, upgrade', true);
      scene.enter(reader);
      scene.add('write', true);
      let left = 9;
      for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
        left -= 1;
        scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
      }
      expect(scene.wrong).toEqual([]);
      expect(scene.modes()).toEqual(['alone', 'out']);
      scene.close();
    });
    expect(runs).toBeGreaterThan(50);
  });

  test('G11 of two who upgrade one does, in every order of their first calls', () => {
    everyInterleaving((choose) => {
      const scene = new SeatScene(directory);
      for (const reader of [scene.add('read, upgrade', true), scene.add('read, upgrade')]) scene.enter(reader);
      let left = 9;
      for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
        left -= 1;
        scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
      }
      expect(scene.wrong).toEqual([]);
      scene.close();
    });
  });

  test('no more are admitted than permits, and one more when one has left', () => {
    const scene = new SeatScene(directory);
    const [first] = [scene.add('count'), scene.add('count', true)] as const;
    scene.enter(first);
    scene.finish(1);
    scene.finish(scene.add('count'));
    expect(scene.granted).toHaveLength(2);
    scene.finish(first);
    scene.finish(scene.add('count', true));
    expect(scene.modes()).toEqual(['out', 'counted', 'out', 'counted']);
    expect(scene.wrong).toEqual([]);
  });

  test('G19 of the readers after a dead writer the first is told, and nobody else', () => {
    const scene = new SeatScene(directory);
    const victim = scene.add('write', true);
    scene.enter(victim);
    scene.crash(victim);
    for (const deed of ['read', 'read', 'count', 'write'] as const) scene.finish(scene.add(deed, deed === 'read'));
    expect(scene.granted).toEqual(['write', 'read', 'read', 'count']);
    expect(scene.told).toEqual(['read']);
  });

  test('G19 who takes the seat of a dead permit holder is told, once; a dead reader is no news', () => {
    const scene = new SeatScene(directory);
    for (const deed of ['count', 'read'] as const) {
      const victim = scene.add(deed, true);
      scene.enter(victim);
      scene.crash(victim);
    }
    for (const deed of ['write', 'read', 'count', 'count'] as const) scene.finish(scene.add(deed));
    expect(scene.told).toEqual(['count']);
    expect(existsSync(scene.hidden('died-seats'))).toBe(false);
  });
});
