import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Contender, type Mode, type Order } from '../../support/lockfile/contender.js';
import {
  attempt,
  changesAnything,
  dieHolding,
  LockPaths,
  leftOver,
  type Point,
  told,
} from '../../support/lockfile/fault-points.js';
import { endChildren } from '../../support/lockfile/obedient-child.js';

const paths = new LockPaths();
afterEach(endChildren);
afterAll(() => paths.remove());

/** What a process has of the lock: `counted` the only permit, `upgrading` a seat that keeps newcomers out. */
type Has = 'nothing' | 'together' | 'counted' | 'upgrading' | 'alone' | 'alone and together';

/** What a process does with the lock, and what it has of it before each call of those orders that are to fail. */
interface Life {
  readonly mode: Mode;
  readonly orders: readonly Order['do'][];
  readonly failing: readonly Order['do'][];
  readonly afterDeath?: boolean;
  has(point: Point, calls: readonly string[]): Has;
}

interface LifePoint extends Point {
  readonly has: Has;
}

const nth = (calls: readonly string[], name: string, count: number): number =>
  calls.flatMap((call, index) => (call === name ? [index + 1] : [])).at(count) ?? Number.NaN;

const seated = (has: 'together' | 'counted') => ({
  orders: ['try', 'release'] as const,
  failing: ['try', 'release'] as const,
  has({ order, call }: Point, calls: readonly string[]): Has {
    if (order === 'try') return call > nth(calls, 'rename', -1) ? has : 'nothing';
    return call <= nth(calls, 'unlink', 0) ? has : 'nothing';
  },
});

const lives: Record<string, Life> = {
  'a reader': { mode: { shared: true }, ...seated('together') },
  'the next after a dead permit holder': { mode: { permits: 1 }, ...seated('counted'), afterDeath: true },
  'a writer that becomes reader': {
    mode: {},
    orders: ['try', 'downgrade', 'release'],
    failing: ['downgrade'],
    has: ({ call }, calls) => {
      if (call <= nth(calls, 'rename', -1)) return 'alone';
      return call <= nth(calls, 'unlink', 0) ? 'alone and together' : 'together';
    },
  },
  'a reader that becomes writer': {
    mode: { shared: true },
    orders: ['try', 'upgrade', 'release'],
    failing: ['upgrade'],
    has: ({ call }, calls) => {
      if (call <= nth(calls, 'rename', 0)) return 'together';
      return call <= nth(calls, 'rename', 1) ? 'upgrading' : 'alone';
    },
  },
};

/** More than a life has points, as all must be there before they are counted. */
const enough = 48;

/** Locks for a life to begin at, and one more to see what it is undisturbed. */
async function locksFor({ mode, afterDeath }: Life): Promise<[first: string, ...others: string[]]> {
  const made = paths.take(enough + 1);
  if (afterDeath === true) await dieHolding(made, [mode]);
  return made as [string, ...string[]];
}

/** Each point of one undisturbed life. */
async function pointsOf(contender: Contender, path: string, life: Life): Promise<LifePoint[]> {
  const points: LifePoint[] = [];
  for (const order of life.orders) {
    const { calls, error } = await contender.order({ do: order, path, mode: life.mode });
    expect(error).toBeUndefined();
    if (!life.failing.includes(order)) continue;
    for (const [index, name] of [...calls, 'the end'].entries()) {
      const point = { order, call: index + 1, name };
      points.push({ ...point, has: life.has(point, calls) });
    }
  }
  expect(new Set(points.map(({ has }) => has)).size).toBeGreaterThan(1);
  return points;
}

/** Does all that comes before the order of a point, and that too if the point is its end. */
async function live(contender: Contender, path: string, { orders, mode }: Life, { order, name }: Point): Promise<void> {
  const count = orders.indexOf(order) + (name === 'the end' ? 1 : 0);
  for (const before of orders.slice(0, count)) {
    expect(await contender.order({ do: before, path, mode })).not.toHaveProperty('error');
  }
}

describe.runIf(process.platform === 'linux').each(Object.keys(lives))('the lockfile driver: %s', (title) => {
  const life = lives[title] as Life;
  const itsKind: Mode = life.mode.permits === undefined ? { shared: true } : life.mode;

  test('G1 G19 is followed at once after a SIGKILL before any of its calls, and told of once if it is news', async () => {
    const contender = await Contender.start();
    const [first, ...made] = await locksFor(life);
    const points = (await pointsOf(contender, first, life)).filter(changesAnything);
    // One process comes to stand before each of its calls at a lock of its own, and dies in all of them.
    for (const [index, point] of points.entries()) {
      const path = made[index] ?? '';
      await live(contender, path, life, point);
      if (point.name !== 'the end') await contender.stand({ do: point.order, path, mode: life.mode }, point.call);
    }
    await contender.kill();
    const next: Mode = life.mode.permits === undefined ? {} : life.mode;
    for (const [index, point] of points.entries()) {
      const path = made[index] ?? '';
      // Until it has learned of the one who died before it, that is still to be told, and else of its own death.
      const isNews = ['counted', 'alone', 'alone and together'].includes(point.has);
      const toldNow = isNews || (life.afterDeath === true && point.order === 'try');
      expect({ ...point, told: await told(path, next) }).toEqual({ ...point, told: toldNow });
      for (const mode of [{}, next]) {
        expect({ ...point, told: await told(path, mode) }).toEqual({ ...point, told: false });
      }
      const left = leftOver(path, ['held', 'died', 'died-seats']);
      expect({ ...point, left }).toEqual({ ...point, left: [] });
    }
  });

  test('G2 G19 is robbed by nobody after a SIGSTOP before any of its calls, and nothing fails on resume', async () => {
    const contender = await Contender.start('synchronous');
    const [first, ...made] = await locksFor(life);
    const points = await pointsOf(contender, first, life);
    expect(2 * points.length).toBeLessThanOrEqual(made.length);
    for (const [index, point] of [...points, ...points].entries()) {
      const path = made[index] ?? '';
      const mode = index < points.length ? itsKind : {};
      const welcome = mode.shared === true;
      await live(contender, path, life, point);
      const stops = point.name !== 'the end';
      if (stops)
        await contender.fail({ do: point.order, path, mode: life.mode }, { call: point.call, signal: 'SIGSTOP' });
      const other = await attempt(path, mode);
      const free = point.has === 'nothing' || (welcome && ['together', 'alone and together'].includes(point.has));
      expect({ ...point, mode, free: other !== undefined }).toEqual({ ...point, mode, free });
      const outcome = stops ? await contender.resume() : undefined;
      expect({ ...point, mode, ...outcome }).not.toHaveProperty('error');
      if (point.order === 'upgrade' && stops) {
        expect({ ...point, mode, alone: outcome?.upgraded }).toEqual({ ...point, mode, alone: other === undefined });
      }
      const has = point.order === 'try' && stops ? outcome?.granted : point.order !== 'release';
      expect({ ...point, mode, has }).toEqual({
        ...{ ...point, mode },
        has: point.order !== 'release' && (point.has !== 'nothing' || welcome),
      });
      if (has || other !== undefined) expect(await attempt(path)).toBeUndefined();
      if (has) expect(await contender.release(path)).toMatchObject({ released: true });
      await other?.release();
      if (life.afterDeath === true && stops && point.order === 'try') {
        const tellings = [outcome?.previousOwnerDied, other?.previousOwnerDied, await told(path, life.mode)];
        expect({ ...point, mode, told: tellings.filter(Boolean).length }).toEqual({ ...point, mode, told: 1 });
      }
      for (const one of [itsKind, {}]) {
        expect({ ...point, mode, told: await told(path, one) }).toEqual({ ...point, mode, told: false });
      }
      expect({ ...point, mode, left: leftOver(path) }).toEqual({ ...point, mode, left: [] });
    }
  });
});
