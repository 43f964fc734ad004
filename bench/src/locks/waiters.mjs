import { interleave } from '../interleave.mjs';
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
  seconds: { full: 15, quick: 3 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [10, 100, 1000] : [10, 100, 1000, 10_000];
    const rows = [];
    await withContestants(context, found, async (contestants) => {
      for (const name of found) await contestants.get(name).ask('crowd', { count: 1000 });
      for (const [index, count] of sizes.entries()) {
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

// A long line is dear and steady, a short one is neither.
function roundsOf(quick, count) {
  if (quick) return 3;
  const most = count > 1000 ? 6 : count > 100 ? 12 : 24;
  return { least: count > 1000 ? 3 : 8, most, reference: 'async-mutex' };
}
