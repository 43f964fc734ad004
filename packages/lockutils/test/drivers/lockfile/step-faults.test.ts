import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { Grant } from '../../../dist/drivers/driver.js';
import { lockfileDriver } from '../../../dist/drivers/lockfile/lockfile-driver.js';
import { Contender } from './contender.js';
import { endChildren } from './obedient-child.js';

const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
afterEach(endChildren);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const driver = lockfileDriver();
let locks = 0;
// A lock path for each, as the first attempt in one also sweeps it, call by call.
function newLock(): string {
  locks += 1;
  const path = join(directory, String(locks));
  mkdirSync(path);
  return join(path, 'contended');
}
const attempt = async (path: string): Promise<Grant | undefined> =>
  driver.tryAcquire({ name: 'contended', path, shared: false, permits: undefined, label: undefined });

type Kind = 'promised' | 'synchronous';
type Start = 'a free lock' | 'the lock of a dead holder';

async function prepare(start: Start, count: number): Promise<string[]> {
  const paths = Array.from({ length: count }, newLock);
  if (start === 'a free lock') return paths;
  const holder = await Contender.start('synchronous');
  for (const path of paths) expect(await holder.try(path)).toMatchObject({ granted: true });
  await holder.kill();
  return paths;
}

// The calls of one undisturbed attempt and release, in a process of their own.
async function pointsOf(kind: Kind, start: Start): Promise<Point[]> {
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

/** Each point at which a process can fail, and whether it holds the lock there. */
interface Point {
  readonly order: 'try' | 'release';
  readonly call: number;
  readonly name: string;
  readonly holds: boolean;
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
    const check = async (point: Point, path: string): Promise<void> => {
      const contender = await Contender.start(kind);
      if (point.order === 'release') await contender.try(path);
      await contender.fail({ do: point.order, path }, { call: point.call, signal: 'SIGKILL' });
      const grant = await attempt(path);
      const notToldYet = died && point.order === 'try';
      expect({ ...point, told: grant?.previousOwnerDied }).toEqual({ ...point, told: point.holds || notToldYet });
      await grant?.release();
      const next = await attempt(path);
      expect({ ...point, told: next?.previousOwnerDied }).toEqual({ ...point, told: false });
      await next?.release();
    };
    await Promise.all(points.map((point, index) => check(point, paths[index] ?? '')));
    // What the crashes left among the prepared files is swept by the next process.
    const sweeper = await Contender.start('synchronous');
    for (const path of paths) {
      await sweeper.try(path);
      await sweeper.release(path);
      expect(leftOvers(path)).toEqual([]);
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
      expect(leftOvers(path)).toEqual([]);
    }
  });
});

function leftOvers(path: string): string[] {
  const folder = join(dirname(path), '.oslo-concurrency', 'lockfile');
  return ['held', 'died', 'new'].flatMap((kind) => readdirSync(join(folder, kind)));
}
