import { median, sum } from '../statistics.mjs';

/**
 * What passes between the holds of one lock, from what each process tells of its own: parts of `ms` in %, and the time
 * from a release to the next grant in us, apart for a grant to the process that released and for one to another process.
 */
export function between(each, ms) {
  const holds = each
    .flatMap(({ holds: times }, process) =>
      Array.from({ length: times.length / 2 }, (_, n) => ({
        process,
        granted: times[2 * n],
        released: times[2 * n + 1],
      })),
    )
    .sort((a, b) => a.granted - b.granted);
  const gaps = { same: [], other: [] };
  for (const [index, { process, granted }] of holds.slice(1).entries()) {
    const before = holds[index];
    gaps[before.process === process ? 'same' : 'other'].push(granted - before.released);
  }
  const part = (times) => (sum(times) / ms) * 100;
  const us = (times) => (times.length === 0 ? undefined : median(times) * 1000);
  return {
    held: part(holds.map(({ granted, released }) => released - granted)),
    same: part(gaps.same),
    other: part(gaps.other),
    sameUs: us(gaps.same),
    otherUs: us(gaps.other),
    changes: gaps.other.length / (ms / 1000),
  };
}

/**
 * The figures that are told of it. A row is of one subject, one cell and one of the `rows`. Where neither more nor less is
 * better, a figure only explains others.
 */
export const betweenFigures = [
  {
    id: 'locks.contended.time',
    title: 'What the time of a contended lock went to',
    unit: '% of the time',
    rows: { held: 'held', same: 'free until the same process', other: 'free until another process' },
  },
  {
    id: 'locks.contended.gap',
    title: 'From a release to the next grant of a contended lock',
    unit: 'us',
    better: 'less',
    rows: { sameUs: 'to the same process', otherUs: 'to another process' },
  },
  {
    id: 'locks.contended.changes',
    title: 'Grants to another process than the last one, a second',
    unit: '1/s',
    rows: { changes: 'to another process' },
  },
];
