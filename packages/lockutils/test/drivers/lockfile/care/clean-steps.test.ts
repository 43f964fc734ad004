import { existsSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { makeLockPath } from '../../../support/lockfile/interleaving.js';
import { type Deed, SeatScene } from '../../../support/lockfile/seat-scene.js';
import { testProperty } from '../../../support/property-test.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const locking: Deed[] = ['write', 'read', 'count', 'write, downgrade', 'read, upgrade', 'read, upgrade, downgrade'];
const cleaning: Deed[] = ['clean', 'clean all', 'hold unseen'];
// In bursts, so that some stand still while others come and go.
const schedule = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 19 }), fc.integer({ min: 1, max: 12 })), {
  minLength: 60,
  maxLength: 60,
});
const numRuns = Number(process.env.FC_RUNS ?? 150);

/** Lets the actors go on in that order, then to their ends; whoever `mayCrash` does now and then. Tells who did. */
function play(
  scene: SeatScene,
  plan: readonly (readonly [choice: number, fate: number, burst: number])[],
  mayCrash: (index: number) => boolean,
  beforeTurn: (turn: number) => void = () => {},
): number[] {
  const crashed: number[] = [];
  for (const [turn, [choice, fate, burst]] of plan.entries()) {
    beforeTurn(turn);
    const runnable = scene.runnable();
    const index = runnable[choice % runnable.length];
    if (index === undefined) break;
    if (fate === 0 && mayCrash(index)) {
      scene.crash(index);
      crashed.push(index);
    }
    for (let call = 0; call < burst && scene.runnable().includes(index); call += 1) scene.step(index);
  }
  for (const index of scene.runnable()) scene.finish(index);
  return crashed;
}

describe('cleaning up after the lockfile driver, call by call', () => {
  testProperty(
    [fc.array(fc.constantFrom(...locking, ...cleaning), { minLength: 2, maxLength: 5 }), schedule, fc.boolean()],
    {
      numRuns,
    },
  )('G15 takes a lock from nobody, is alone when it holds one, and leaves it free', (acts, plan, crashes) => {
    const scene = new SeatScene(directory);
    for (const deed of acts) scene.add(deed);
    const crashed = play(scene, plan, () => crashes);
    expect(scene.wrong).toEqual([]);
    expect(scene.told.length).toBeLessThanOrEqual(
      crashed.filter((index) => locking.includes(acts[index] as Deed)).length,
    );
    for (const deed of ['write', 'read', 'count', 'count', 'write'] as const) {
      const before = scene.granted.length;
      scene.finish(scene.add(deed));
      expect({ deed, granted: scene.granted.length - before }).toEqual({ deed, granted: 1 });
    }
    scene.finish(scene.add('clean all'));
    for (const kind of ['held', 'died', 'died-seats', 'queue']) expect(existsSync(scene.hidden(kind))).toBe(false);
  });

  testProperty(
    [
      fc.constantFrom<Deed>('write', 'count', 'read'),
      fc.nat({ max: 12 }),
      fc.array(fc.constantFrom<Deed>('clean', 'clean all'), { minLength: 1, maxLength: 3 }),
      fc.array(fc.constantFrom<Deed>('write', 'read', 'count'), { maxLength: 2 }),
      schedule,
    ],
    { numRuns },
  )(
    'G19 loses no news of a death unless asked to, and makes none, with crashes of those who clean between any two calls',
    (victim, moment, cleaners, others, plan) => {
      const scene = new SeatScene(directory);
      const dead = scene.add(victim, true);
      scene.enter(dead);
      scene.finish(dead);
      for (const deed of [...cleaners, ...others]) scene.add(deed);
      const mayCrash = (index: number): boolean => index <= cleaners.length;
      // So that the others have seen it alive, or not.
      play(scene, plan, mayCrash, (turn) => {
        if (turn === moment) scene.crash(dead);
      });
      scene.crash(dead);
      // Whoever takes each of the seats, and whoever is alone.
      for (const deed of ['write', 'count', 'write', 'count'] as const) scene.finish(scene.add(deed));
      expect(scene.wrong).toEqual([]);
      const news = victim === 'read' ? 0 : 1;
      if (cleaners.includes('clean all')) expect(scene.told.length).toBeLessThanOrEqual(news);
      else expect(scene.told).toHaveLength(news);
    },
  );

  test.each<Deed>(['write', 'count', 'write, downgrade'])(
    'G19 leaves what is to be told of one who died after %s, and removes it when asked to',
    (victim) => {
      for (const deed of ['clean', 'clean all'] as const) {
        const scene = new SeatScene(directory);
        const dead = scene.add(victim, true);
        scene.enter(dead);
        scene.crash(dead);
        scene.finish(scene.add(deed));
        expect(scene.verdicts).toEqual([deed === 'clean' ? 'abandoned' : 'removed']);
        for (const next of ['write', 'count'] as const) scene.finish(scene.add(next));
        expect(scene.told).toHaveLength(deed === 'clean' ? 1 : 0);
      }
    },
  );
});
