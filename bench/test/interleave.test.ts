import { describe, expect, it } from 'vitest';
import { interleave, roughly } from '../src/interleave.mjs';

/** What each subject is asked, in order, when its samples come from a list of its own; the last one is repeated. */
async function run(lists: Record<string, number[]>, rounds: unknown) {
  const asked: string[] = [];
  const samples = await interleave(Object.keys(lists), rounds, (subject: string, round: number) => {
    asked.push(`${subject}${round}`);
    return lists[subject]?.[round] ?? lists[subject]?.at(-1);
  });
  return { asked, counts: Object.fromEntries([...samples].map(([subject, all]) => [subject, all.length])) };
}

const steady = [100, 101, 100, 101];
const wild = [1, 100, 2, 90, 3, 80, 4, 70];

describe('rounds', () => {
  it('asks every subject once a round, in an order that turns', async () => {
    const { asked } = await run({ a: [1], b: [1], c: [1] }, 3);
    expect(asked).toEqual(['a0', 'b0', 'c0', 'b1', 'c1', 'a1', 'c2', 'a2', 'b2']);
  });

  it('takes as many as were asked for, however steady the samples', async () => {
    expect((await run({ a: steady, b: wild }, 7)).counts).toEqual({ a: 7, b: 7 });
  });

  it('asks no more for a median that is known, though not before the least of rounds, and for the others up to the most', async () => {
    expect((await run({ a: steady, b: wild }, { least: 4, most: 8 })).counts).toEqual({ a: 4, b: 8 });
  });

  it('takes a median for known within the part of itself that was given', async () => {
    const loose = [100, 110, 101, 109, 100, 110, 101, 109];
    expect((await run({ a: loose }, { least: 4, most: 8 })).counts).toEqual({ a: 8 });
    expect((await run({ a: loose }, { least: 4, most: 8, within: roughly })).counts).toEqual({ a: 4 });
    const rounds = { least: 4, most: 8, reference: 'a' };
    expect((await run({ a: [1], b: loose }, rounds)).counts).toEqual({ a: 8, b: 8 });
    expect((await run({ a: [1], b: loose }, { ...rounds, within: roughly })).counts).toEqual({ a: 4, b: 4 });
  });

  it('goes by the ratio to the reference: one weather for both is no spread', async () => {
    const twice = wild.map((value) => 2 * value);
    expect((await run({ a: wild, b: twice }, { least: 4, most: 8, reference: 'a' })).counts).toEqual({ a: 4, b: 4 });
  });

  it('keeps the reference as long as another needs it, so that sample n of both is of one round', async () => {
    const rounds = { least: 4, most: 8, reference: 'a' };
    expect((await run({ a: steady, b: steady, c: wild }, rounds)).counts).toEqual({ a: 8, b: 4, c: 8 });
  });

  it('goes by the samples alone where the reference is missing', async () => {
    const rounds = { least: 4, most: 8, reference: 'not here' };
    expect((await run({ a: steady, b: wild }, rounds)).counts).toEqual({ a: 4, b: 8 });
  });

  it('finds the number in a sample by what it was given', async () => {
    const rounds = { least: 4, most: 8, by: ({ ms }: { ms: number }) => ms };
    const samples = await interleave(['a', 'b'], rounds, (subject: string, round: number) => ({
      ms: (subject === 'a' ? steady : wild)[round],
    }));
    expect([...samples].map(([subject, all]) => `${subject} ${all.length}`)).toEqual(['a 4', 'b 8']);
  });

  it('says ahead of each round who will be asked in it, and ends its progress at 1', async () => {
    const rounds: string[] = [];
    const parts: number[] = [];
    await interleave(
      ['a', 'b'],
      { least: 2, most: 3 },
      (subject: string, round: number) => (subject === 'a' ? 5 : round),
      {
        before: (asked: string[]) => rounds.push(asked.join('')),
        progress: (part: number) => parts.push(part),
      },
    );
    expect(rounds).toEqual(['ab', 'ab', 'b']);
    expect(parts.at(-1)).toBe(1);
    expect(parts).toEqual([...parts].sort((a, b) => a - b));
  });
});
