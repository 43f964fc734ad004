import { describe, expect, it } from 'vitest';
import { untilAllSteady, untilSteady } from '../src/steady.mjs';

/** How many samples a warm-up takes that finds `values`, the last one again and again, and whether it got steady. */
async function warmUp(values: number[], how: object) {
  let taken = 0;
  const sample = async () => {
    taken += 1;
    return values[taken - 1] ?? values.at(-1);
  };
  const steady = await untilSteady(sample, { better: 'less', patience: 2, most: 20, ...how });
  return { taken, steady };
}

describe('a warm-up', () => {
  it('ends after as many samples without an improvement as it was told', async () => {
    expect(await warmUp([100, 50, 49, 50], {})).toEqual({ taken: 4, steady: true });
    expect(await warmUp([100, 50, 49, 50, 51], { patience: 3 })).toEqual({ taken: 5, steady: true });
  });

  it('goes on while samples get better, if only every second one does', async () => {
    expect(await warmUp([100, 90, 80, 72, 60, 59, 50], {})).toEqual({ taken: 9, steady: true });
  });

  it('does not overlook small steps: each is compared with the last clear improvement', async () => {
    expect(await warmUp([100, 94, 88, 83, 78], { patience: 2 })).toEqual({ taken: 7, steady: true });
  });

  it('takes what is worse for no improvement, in either direction', async () => {
    expect(await warmUp([10, 20, 30], {})).toEqual({ taken: 3, steady: true });
    expect(await warmUp([30, 20, 10], { better: 'more' })).toEqual({ taken: 3, steady: true });
    expect(await warmUp([10, 20, 30, 31], { better: 'more' })).toEqual({ taken: 5, steady: true });
  });

  it('is bounded in number and in time, and then says that it did not get steady', async () => {
    const falling = Array.from({ length: 30 }, (_, n) => 1000 * 0.8 ** n);
    expect(await warmUp(falling, { most: 5 })).toEqual({ taken: 5, steady: false });
    expect(await warmUp(falling, { ms: 0 })).toEqual({ taken: 0, steady: false });
  });
});

describe('a warm-up of several subjects', () => {
  const run = async (lists: Record<string, number[]>, most: number) => {
    const asked: string[] = [];
    const sample = async (subject: string, round: number) => {
      asked.push(`${subject}${round}`);
      return lists[subject]?.[round] ?? lists[subject]?.at(-1);
    };
    const left = await untilAllSteady(Object.keys(lists), sample, { better: 'more', patience: 1, most });
    return { asked, left };
  };

  it('takes them in turns, each until all are steady', async () => {
    const { asked, left } = await run({ a: [1], b: [1, 2, 3] }, 9);
    expect(asked).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2', 'a3', 'b3']);
    expect(left).toEqual([]);
  });

  it('takes one that was steady once for steady, though it gets better later', async () => {
    expect((await run({ a: [1, 1, 2, 3, 4], b: [1, 2, 3] }, 9)).asked).toHaveLength(8);
  });

  it('is bounded, and names those that did not get steady', async () => {
    const { asked, left } = await run({ a: [1], b: [1, 2, 4, 8, 16] }, 3);
    expect(asked).toHaveLength(6);
    expect(left).toEqual(['b']);
  });
});
