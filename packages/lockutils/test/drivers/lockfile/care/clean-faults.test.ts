import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { removeUnusedFolders } from '../../../../build/drivers/lockfile/care/remove-unused.js';
import { runSync } from '../../../../build/steps.js';
import type { Place } from '../../../../src/drivers/driver.js';
import { Contender, type Mode } from '../../../support/lockfile/contender.js';
import { failingAt } from '../../../support/lockfile/failing-fs.js';
import {
  attempt,
  changesAnything,
  dieHolding,
  LockPaths,
  leftOver,
  type Point,
  told,
} from '../../../support/lockfile/fault-points.js';
import { endChildren } from '../../../support/lockfile/obedient-child.js';

const paths = new LockPaths();
afterEach(endChildren);
afterAll(() => paths.remove());

/** What lies there when the cleaner comes, all of somebody dead. */
const remains: Record<string, readonly Mode[]> = {
  'a writer': [{}],
  'readers and a permit holder': [{ shared: true }, { shared: true }, { permits: 1 }],
};

/** Locks of somebody who died, more than there are points, and one more to see what it is undisturbed. */
async function locksOfDead(modes: readonly Mode[]): Promise<[first: string, ...others: string[]]> {
  const made = paths.take(60);
  await dieHolding(made, modes);
  return made as [string, ...string[]];
}

const all = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: true };

interface CleanPoint extends Point {
  /** Whether the one who cleans holds the lock there. */
  readonly holds: boolean;
  /** Whether there is something to tell the next holder. */
  readonly news: boolean;
}

// The calls of one who cleans undisturbed. It holds from its last rename on; of the removals after that the first is
// that of the news, the second gives the lock back.
async function pointsOf(cleaner: Contender, path: string): Promise<CleanPoint[]> {
  const { verdict, calls } = await cleaner.order({ do: 'clean', path, rule: { abandonedToo: true } });
  expect(verdict).toBe('removed');
  const taken = calls.lastIndexOf('rename');
  const told = calls.indexOf('unlink', taken);
  const given = calls.indexOf('unlink', told + 1);
  expect([taken, told, given]).not.toContain(-1);
  expect(leftOver(path)).toEqual([]);
  return [...calls, 'the end'].map((name, at) => ({
    ...{ order: 'clean', call: at + 1, name },
    ...{ holds: at > taken && at <= given, news: at <= told },
  }));
}

describe.runIf(process.platform === 'linux').each(Object.keys(remains))('cleaning up after %s', (title) => {
  const modes = remains[title] ?? [];
  const next: Mode = modes.at(-1) ?? {};

  test('G15 G19 a SIGKILL before any call of it leaves a free lock, and the news of that death or none', async () => {
    const cleaner = await Contender.start();
    const [first, ...made] = await locksOfDead(modes);
    const points = (await pointsOf(cleaner, first)).filter(changesAnything);
    // One process comes to stand before each of its calls at a lock of its own, and dies in all of them.
    for (const [index, { call, name }] of points.entries()) {
      const order = { do: 'clean', path: made[index] ?? '', rule: { abandonedToo: true } } as const;
      if (name === 'the end') await cleaner.order(order);
      else await cleaner.stand(order, call);
    }
    await cleaner.kill();
    for (const [index, point] of points.entries()) {
      const path = made[index] ?? '';
      // Another one that cleans, but leaves what is to be told, goes on from there.
      const verdict = runSync(removeUnusedFolders(synchronousFs, path, { ...all, abandonedToo: false }));
      const right = point.news ? verdict === 'abandoned' : verdict === 'removed' || verdict === undefined;
      expect({ ...point, verdict, right }).toEqual({ ...point, verdict, right: true });
      const tellings = [await told(path, next), await told(path), await told(path, next)];
      expect({ ...point, tellings }).toEqual({ ...point, tellings: [point.news, false, false] });
      runSync(removeUnusedFolders(synchronousFs, path, all));
      const left = leftOver(path, ['held', 'died', 'died-seats']);
      expect({ ...point, left }).toEqual({ ...point, left: [] });
    }
  });

  test('G15 a SIGSTOP before any call of it takes the lock from nobody, nor a place in line, and nothing fails on resume', async () => {
    const cleaner = await Contender.start('synchronous');
    const [first, ...made] = await locksOfDead(modes);
    const points = await pointsOf(cleaner, first);
    expect(points.length).toBeLessThanOrEqual(made.length);
    for (const [index, point] of points.slice(0, -1).entries()) {
      const path = made[index] ?? '';
      const order = { do: 'clean', path, rule: { abandonedToo: true } } as const;
      await cleaner.fail(order, { call: point.call, signal: 'SIGSTOP' });
      const grant = await attempt(path, next);
      expect({ ...point, free: grant !== undefined }).toEqual({ ...point, free: !point.holds });
      const place = await join(path);
      const { error, verdict } = await cleaner.resume();
      expect({ ...point, error }).toEqual({ ...point, error: undefined });
      expect(leftOver(path, ['queue'])).toHaveLength(3);
      expect(await place.isFirst()).toBe(true);
      if (grant !== undefined) {
        expect({ ...point, told: grant.previousOwnerDied }).toEqual({ ...point, told: point.news });
        expect(await attempt(path)).toBeUndefined();
        // A lock that was lost would say so.
        await grant.release();
      }
      const later = await told(path, next);
      // Told, or removed as asked; but never both, nor twice.
      expect({ ...point, later }).toEqual({ ...point, later: point.holds && verdict === 'waited-for' });
      await place.leave();
      await cleaner.order(order);
      expect({ ...point, left: leftOver(path) }).toEqual({ ...point, left: [] });
    }
  });
});

describe.runIf(process.platform === 'linux')('cleaning up where the file system fails', () => {
  test.each([
    ['EIO', false],
    ['EIO', true],
  ] as const)(
    'G15 G16 with %s from any call (answer lost: %s) it keeps no lock, and makes no news',
    async (code, done) => {
      const made = await locksOfDead([{}]);
      const outcomes = new Set<string>();
      for (const [index, path] of made.entries()) {
        try {
          outcomes.add(String(runSync(removeUnusedFolders(failingAt(index + 1, code, done), path, all))));
        } catch (error) {
          outcomes.add((error as NodeJS.ErrnoException).code ?? 'a mistake');
        }
        const tellings = [await told(path), await told(path)];
        expect({ index, tellings }).toEqual({ index, tellings: [expect.any(Boolean), false] });
        expect({ index, left: leftOver(path, ['held', 'died', 'new']) }).toEqual({ index, left: [] });
      }
      // Also undisturbed, by the last of them: there are fewer calls.
      expect([...outcomes].sort()).toEqual(expect.arrayContaining(['EIO', 'removed']));
      expect(outcomes).not.toContain('a mistake');
    },
  );
});

async function join(path: string): Promise<Place> {
  const request = { name: 'contended', path, shared: false, permits: undefined, label: undefined };
  const place = await lockfileDriver({ synchronous: true }).joinQueue?.(request);
  if (place === undefined) throw new Error('it has a line');
  return place;
}
