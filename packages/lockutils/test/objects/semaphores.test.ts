import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairLocks, type HeldLock, lock, Semaphores } from '../../dist/index.js';
import { testProperty } from '../support/property-test.js';

describe.each([
  ['Semaphores', Semaphores],
  ['FairLocks', FairLocks],
])('%s', (_, Collection) => {
  test('the same name in two collections does not contend; in one it does', async () => {
    const [one, two] = [new Collection(), new Collection()];
    await lock('x', { semaphores: one }, async () => {
      await lock('x', { semaphores: two, blocking: false }, () => {});
      await lock('x', { blocking: false }, () => {});
      const again = lock('x', { semaphores: one, blocking: false });
      await expect(again).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    });
  });

  test('counts the names in use, holders and waiters alike, and nothing else', async () => {
    const locks = new Collection();
    expect(locks.size).toBe(0);
    const held = await lock('a', { semaphores: locks });
    const waiting = lock('a', { semaphores: locks });
    const other = await lock('b', { semaphores: locks });
    expect(locks.size).toBe(2);
    await held.release();
    await other.release();
    expect(locks.size).toBe(1);
    await (await waiting).release();
    expect(locks.size).toBe(0);
  });

  test('G25 is empty again after many names were used, some abandoned', async () => {
    const names = Collection === Semaphores ? 100_000 : 10_000;
    const locks = new Collection();
    const aborted = AbortSignal.abort(new Error('no'));
    for (let i = 0; i < names; i += 1) {
      const held = await lock(`name-${i}`, { semaphores: locks });
      if (i % 100 === 0) await lock(`name-${i}`, { semaphores: locks, signal: aborted }).catch(() => {});
      if (i % 100 === 1) await lock(`name-${i}`, { semaphores: locks, timeout: 0 }).catch(() => {});
      await held.release();
    }
    expect(locks.size).toBe(0);
  });
});

describe('G9 any steps on few names', () => {
  const step = fc.record({
    name: fc.constantFrom('a', 'b', 'c'),
    mode: fc.constantFrom({}, { shared: true }, { permits: 1 }, { permits: 2 }),
    // Which of those held to release instead.
    release: fc.option(fc.nat(), { nil: undefined, freq: 2 }),
  });
  testProperty([fc.array(step, { maxLength: 60 })])(
    'admit who fits beside the holders, and count the names',
    async (steps) => {
      const semaphores = new Semaphores();
      const holds: { name: string; mode: { shared?: boolean; permits?: number }; held: HeldLock }[] = [];
      for (const { name, mode, release } of steps) {
        if (release !== undefined && holds.length > 0) {
          const [hold] = holds.splice(release % holds.length, 1);
          await hold?.held.release();
        } else {
          const beside = holds.filter((hold) => hold.name === name).map((hold) => hold.mode);
          const counted = beside.filter(({ permits }) => permits !== undefined).length;
          const alone = beside.some(({ shared, permits }) => shared !== true && permits === undefined);
          const fits =
            !alone &&
            (mode.permits !== undefined ? counted < mode.permits : mode.shared === true || beside.length === 0);
          const held = await lock(name, { ...mode, semaphores, blocking: false }).catch(() => undefined);
          expect(held !== undefined).toBe(fits);
          if (held !== undefined) holds.push({ name, mode, held });
        }
        expect(semaphores.size).toBe(new Set(holds.map((hold) => hold.name)).size);
      }
    },
  );
});

test('Semaphores.get(name) is that lock, FairLocks.get(name) that lock for readers and writers', async () => {
  const semaphores = new Semaphores();
  await semaphores.get('x').acquire(async () => {
    await expect(lock('x', { semaphores, blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    expect(await semaphores.get('x').tryAcquire()).toBeUndefined();
  });
  const semaphoresOfFair = new FairLocks();
  await semaphoresOfFair.get('x').readLock(async () => {
    await semaphoresOfFair.get('x').readLock({ blocking: false }, () => {});
    await lock('x', { semaphores: semaphoresOfFair, shared: true, blocking: false }, () => {});
    const writer = semaphoresOfFair.get('x').writeLock({ blocking: false });
    await expect(writer).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
  });
  expect([semaphores.size, semaphoresOfFair.size]).toEqual([0, 0]);
});
