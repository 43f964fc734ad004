import { interleave, roughly } from '../interleave.mjs';
import { untilSteady } from '../steady.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = [
  'ours internal',
  'ours',
  'ours fair',
  'ours shared',
  'ours permits',
  'async-mutex',
  'async-lock',
  'p-limit',
];

/** Many tasks of one process that wait for one lock: what a grant costs must not grow with the line. */
export const waiters = {
  id: 'locks.waiters',
  group: 'locks',
  seconds: { full: 24, quick: 5 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [10, 100, 1000] : [10, 100, 1000, 10_000];
    const rows = [];
    await withContestants(context, found, async (contestants) => {
      for (const [index, count] of sizes.entries()) {
        for (const subject of found) await warm(context, contestants.get(subject), { subject, count });
        const samples = await interleave(
          found,
          roundsOf(context.quick, count),
          (subject) => contestants.get(subject).ask('crowd', { count }),
          { progress: (part) => context.progress((index + part) / sizes.length) },
        );
        rows.push(...rowsOf(samples, { waiters: count }));
      }
    });
    const title = 'A grant, with many tasks of one process waiting';
    context.record({ id: 'locks.waiters', title, unit: 'us', better: 'less', reference: 'async-mutex', rows });
  },
};

// A sample is of a thousand grants and more, so 4,000 without an improvement end it.
async function warm(context, { ask }, { subject, count }) {
  const sample = () => ask('crowd', { count, times: Math.ceil(1000 / count) });
  const steady = await untilSteady(sample, { better: 'less', patience: 4, most: 40, ms: 2000 });
  if (!steady) context.unsteady({ id: waiters.id, subject, with: { waiters: count } });
}

// A long line is dear and steady, a short one is neither.
function roundsOf(quick, count) {
  if (quick) return 3;
  if (count > 1000) return { least: 2, most: 4, within: roughly, reference: 'async-mutex' };
  return { least: 8, most: count > 100 ? 12 : 24, reference: 'async-mutex' };
}
