import { describe, expect, it } from 'vitest';
import { judge } from '../src/goals.mjs';
import { between } from '../src/locks/between.mjs';
import { handOverParts } from '../src/locks/handover-parts.mjs';

describe('the time of a contended lock', () => {
  it('goes to holds, to gaps until the same process holds again, and to gaps until another one does', () => {
    // Held at 0..2 and 3..5 by the first process, at 9..10 by the second, of 20 ms.
    const found = between([{ holds: [0, 2, 3, 5] }, { holds: [9, 10] }], 20);
    expect(found).toEqual({ held: 25, same: 5, other: 20, sameUs: 1000, otherUs: 4000, changes: 50 });
  });

  it('has no gap of a kind that did not occur', () => {
    expect(between([{ holds: [0, 1] }, { holds: [] }], 10)).toMatchObject({ held: 10, sameUs: undefined, changes: 0 });
  });
});

describe('the parts of a hand-over', () => {
  const released = {
    at: 0,
    calls: [
      { name: 'writeSync', start: 1000, end: 3000 },
      { name: 'unlock', start: 4000, end: 5000 },
      { name: 'lutimesSync', start: 10_000, end: 12_000 },
      // After the touch: no part of the hand-over.
      { name: 'closeSync', start: 13_000, end: 14_000 },
    ],
  };
  const grant = {
    at: 50_000,
    wakes: [5000, 30_000, 60_000],
    calls: [
      // Of the look before it slept.
      { name: 'tryLock', start: 100, end: 200 },
      { name: 'tryLock', start: 32_000, end: 36_000 },
      { name: 'writeSync', start: 40_000, end: 46_000 },
    ],
  };

  it('add up to the whole, from the release to the grant', () => {
    const found = handOverParts({ released, grant });
    expect(found).toEqual({
      'release, system calls': 3,
      'release, JavaScript': 7,
      wake: 20,
      'grant, system calls': 10,
      'grant, JavaScript': 10,
      'a pwrite': 4,
      all: 50,
    });
  });

  it('are unknown where no wake came between the touch and the grant', () => {
    expect(handOverParts({ released, grant: { ...grant, wakes: [5000, 60_000] } })).toBeUndefined();
    expect(handOverParts({ released: { at: 0, calls: [] }, grant })).toBeUndefined();
  });
});

describe('a missed goal', () => {
  const row = (subject: string, samples: number[], parameters?: object) => ({
    subject,
    side: 'ours',
    samples,
    ...(parameters === undefined ? {} : { with: parameters }),
  });
  const external = (ours: number) => ({
    id: 'locks.uncontended.external',
    rows: [row('ours', [ours]), row('fasteners', [10]), row('filelock', [100]), row('proper-lockfile', [1000])],
  });
  const parts = {
    id: 'locks.parts.us',
    rows: [
      row('ours', [2], { part: 'fcntl' }),
      row('ours', [3], { part: 'pwrite' }),
      row('ours', [6], { part: 'all system calls' }),
      row('ours', [2], { part: 'JavaScript' }),
      row('ours', [8], { part: 'all' }),
    ],
  };
  const calls = {
    id: 'locks.parts.calls',
    rows: [row('ours', [2], { part: 'fcntl' }), row('ours', [2], { part: 'pwrite' })],
  };
  const goalIn = (figures: object[], text: RegExp) => judge(figures).find((goal) => text.test(goal.text));

  it('comes with its profile, from the figures of the same run', () => {
    const goal = goalIn([external(8), parts, calls], /in memory, to fasteners/);
    expect(goal?.verdict).toBe('missed');
    const rows = goal?.profiles?.[0]?.split('\n').slice(2);
    expect(rows).toEqual([
      '| `pwrite`, alone in a loop | 2.00 | 3.00 | 38 % |',
      '| `fcntl`, alone in a loop | 2.00 | 2.00 | 25 % |',
      '| all system calls in their order, in a loop |  | 6.00 | 75 % |',
      '| JavaScript: the rest |  | 2.00 | 25 % |',
      '| all |  | 8.00 | 100 % |',
    ]);
  });

  it('has no profile where the run has no figures for one, and its cause is told all the same', () => {
    const goal = goalIn([external(8)], /in memory, to fasteners/);
    expect(goal).toMatchObject({ verdict: 'missed', profiles: [] });
    expect(goal?.cause).toMatch(/system calls/);
  });

  it('has a cause with the figures of the run', () => {
    const goal = goalIn([external(100)], /in memory, to proper-lockfile/);
    expect(goal?.cause).toContain('took 1000 us, of which a twentieth is 50.0 us');
  });

  it('is not told a cause when it is reached or was not measured', () => {
    expect(goalIn([external(3)], /in memory, to fasteners/)).not.toHaveProperty('cause');
    expect(goalIn([], /in memory, to fasteners/)).toMatchObject({ verdict: 'not measured' });
    expect(goalIn([], /in memory, to fasteners/)).not.toHaveProperty('cause');
  });
});
