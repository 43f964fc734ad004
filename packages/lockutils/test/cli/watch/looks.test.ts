import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockStatus, listLocks, lock } from '@oslo-concurrency/lockutils';
import { expect, it } from 'vitest';
import { careOf } from '../../../build/drivers/select.js';
import { looks } from '../../../src/cli/watch/looks.js';
import { lockDirectory } from '../../support/lock-directory.js';

/** So long that in this test only a hint can lead to the next look. */
const hintsOnly = { atLeast: 0, atMost: 3_600_000 };

it.each(['kernel', 'lockfile'] as const)(
  'looks looks again when a lock of the %s driver is held and released',
  async (driver) => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path, driver } as const;
    await lock('before', options, () => {});
    const end = new AbortController();
    const list = () => listLocks({ lockPath: directory.path });
    const seen = looks(list, () => careOf(driver).changing(directory.path), hintsOnly, end.signal);
    const until = async (state: string): Promise<void> => {
      for (;;) {
        const { value } = await seen.next();
        const found = ((value ?? []) as LockStatus[]).find(({ name }) => name === 'x');
        if ((found?.state ?? 'free') === state) return;
      }
    };
    await until('free');
    const [, held] = await Promise.all([until('held'), lock('x', options)]);
    await Promise.all([until('free'), held.release()]);
    end.abort();
    await seen.return(undefined);
  },
);

it('looks does not look again because of its own looks, and ends at the abort', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path } as const;
  await using held = await lock('x', options);
  const end = new AbortController();
  let count = 0;
  const folders = () => careOf('kernel').changing(directory.path);
  const list = () => listLocks({ lockPath: directory.path });
  const reading = (async () => {
    for await (const found of looks(list, folders, hintsOnly, end.signal)) {
      count += 1;
      expect(found[0]?.state).toBe('held');
    }
  })();
  await expect.poll(() => count).toBe(1);
  await list();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(count).toBe(1);
  end.abort();
  await reading;
  expect(held.released).toBe(false);
});

it('looks looks at most once in atLeast, however often something changes, and sees the last change', async () => {
  using directory = lockDirectory();
  const file = join(directory.path, 'file');
  const end = new AbortController();
  const moments: number[] = [];
  let wrote = 0;
  let last = -1;
  const pace = { atLeast: 100, atMost: 3_600_000 };
  const reading = (async () => {
    for await (const found of looks(
      () => wrote,
      () => [directory.path],
      pace,
      end.signal,
    )) {
      moments.push(performance.now());
      last = found;
    }
  })();
  for (; wrote < 200; wrote += 1) {
    writeFileSync(file, String(wrote));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  writeFileSync(file, 'last');
  await expect.poll(() => last).toBe(200);
  end.abort();
  await reading;
  const gaps = moments.slice(1).map((at, index) => at - (moments[index] ?? 0));
  expect(gaps.length).toBeGreaterThan(0);
  // A timer may fire a millisecond early.
  expect(Math.min(...gaps)).toBeGreaterThan(98);
});

it('looks looks again after a change that came during a look, or before its reader asked for more', async () => {
  using directory = lockDirectory();
  const end = new AbortController();
  let state = 0;
  const change = (): void => {
    state += 1;
    writeFileSync(join(directory.path, 'file'), String(state));
  };
  const look = (): number => {
    const seen = state;
    if (seen === 0) change();
    return seen;
  };
  const seen = looks(look, () => [directory.path], hintsOnly, end.signal);
  expect((await seen.next()).value).toBe(0);
  expect((await seen.next()).value).toBe(1);
  change();
  expect((await seen.next()).value).toBe(2);
  end.abort();
  await seen.return(undefined);
});
