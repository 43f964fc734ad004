import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Contender } from '../../support/lockfile/contender.js';
import { attempt, dieHolding, LockPaths, leftOver, type Point } from '../../support/lockfile/fault-points.js';
import { endChildren } from '../../support/lockfile/obedient-child.js';

const locks = new LockPaths();
afterEach(endChildren);
afterAll(() => locks.remove());

type Kind = 'promised' | 'synchronous';
type Start = 'a free lock' | 'the lock of a dead holder';

async function prepare(start: Start, count: number): Promise<string[]> {
  const paths = locks.take(count);
  if (start !== 'a free lock') await dieHolding(paths, [{}]);
  return paths;
}

// The calls of one undisturbed attempt and release, in a process of their own.
async function pointsOf(kind: Kind, start: Start): Promise<AttemptPoint[]> {
  const [path = ''] = await prepare(start, 1);
  const contender = await Contender.start(kind);
  const { granted, previousOwnerDied, calls: taking } = await contender.try(path);
  expect({ granted, previousOwnerDied }).toEqual({ granted: true, previousOwnerDied: start !== 'a free lock' });
  const { calls: releasing } = await contender.release(path);
  const taken = taking.lastIndexOf('rename');
  const given = releasing.indexOf('unlink');
  expect([taken, given]).not.toContain(-1);
  return [
    ...taking.map((name, at) => ({ order: 'try' as const, call: at + 1, name, holds: at > taken })),
    ...releasing.map((name, at) => ({ order: 'release' as const, call: at + 1, name, holds: at <= given })),
  ];
}

/** A point, and whether the process holds the lock there. */
interface AttemptPoint extends Point {
  readonly order: 'try' | 'release';
  readonly holds: boolean;
}

// With promises one process comes to stand before each of its calls at a lock of its own, and dies in all of them.
async function dieAt(kind: Kind, points: readonly AttemptPoint[], paths: readonly string[]): Promise<void> {
  const one = await Contender.start(kind);
  const die = async ({ order, call }: AttemptPoint, path: string): Promise<void> => {
    const contender = kind === 'promised' ? one : await Contender.start(kind);
    if (order === 'release') await contender.try(path);
    if (kind === 'promised') await one.stand({ do: order, path }, call);
    else await contender.fail({ do: order, path }, { call, signal: 'SIGKILL' });
  };
  if (kind === 'promised') for (const [index, point] of points.entries()) await die(point, paths[index] ?? '');
  else await Promise.all(points.map((point, index) => die(point, paths[index] ?? '')));
  await one.kill();
}

const cases: [Kind, Start][] = [
  ['promised', 'a free lock'],
  ['promised', 'the lock of a dead holder'],
  ['synchronous', 'the lock of a dead holder'],
];

describe.runIf(process.platform === 'linux').each(cases)('the lockfile driver, %s, at %s', (kind, start) => {
  const died = start !== 'a free lock';

  test('G1 G19 is taken at once after a SIGKILL before any of its calls, and tells of the death once', async () => {
    const points = await pointsOf(kind, start);
    const paths = await prepare(start, points.length);
    await dieAt(kind, points, paths);
    for (const [index, point] of points.entries()) {
      const path = paths[index] ?? '';
      const grant = await attempt(path);
      const notToldYet = died && point.order === 'try';
      expect({ ...point, told: grant?.previousOwnerDied }).toEqual({ ...point, told: point.holds || notToldYet });
      await grant?.release();
      const next = await attempt(path);
      expect({ ...point, told: next?.previousOwnerDied }).toEqual({ ...point, told: false });
      await next?.release();
    }
    // What the crashes left among the prepared files is swept by the next process.
    const sweeper = await Contender.start('synchronous');
    for (const path of paths) {
      await sweeper.try(path);
      await sweeper.release(path);
      expect(leftOver(path, ['held', 'died', 'new'])).toEqual([]);
    }
  });

  test('G2 is never held by two after a SIGSTOP before any of its calls, and nothing fails on resume', async () => {
    const points = await pointsOf(kind, start);
    const paths = await prepare(start, points.length);
    const contender = await Contender.start(kind);
    for (const [index, point] of points.entries()) {
      const path = paths[index] ?? '';
      if (point.order === 'release') await contender.try(path);
      await contender.fail({ do: point.order, path }, { call: point.call, signal: 'SIGSTOP' });
      const grant = await attempt(path);
      expect({ ...point, free: grant !== undefined }).toEqual({ ...point, free: !point.holds });
      const outcome = await contender.resume();
      if (point.order === 'try') expect({ ...point, got: outcome.granted }).toEqual({ ...point, got: point.holds });
      else expect({ ...point, ...outcome }).toMatchObject({ released: true });
      const held = grant !== undefined || outcome.granted === true;
      const third = await attempt(path);
      expect({ ...point, held: third === undefined }).toEqual({ ...point, held });
      await third?.release();
      await grant?.release();
      if (outcome.granted) expect(await contender.release(path)).toMatchObject({ released: true });
      const next = await attempt(path);
      expect({ ...point, told: next?.previousOwnerDied }).toEqual({ ...point, told: false });
      await next?.release();
      expect(leftOver(path, ['held', 'died', 'new'])).toEqual([]);
    }
  });
});
