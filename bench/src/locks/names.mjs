import { freshContestants } from '../fresh.mjs';
import { interleave } from '../interleave.mjs';
import { present, rowsOf } from '../subjects.mjs';

const keyed = ['ours internal', 'async-lock'];

/** Many names, all held at one time and then released: what is left in memory must not grow with their number. */
export const names = {
  id: 'locks.names',
  group: 'locks',
  seconds: { full: 13, quick: 3 },
  async run(context) {
    const found = await present(context, keyed);
    const sizes = context.quick ? [1000, 100_000] : [1, 100, 10_000, 100_000];
    const rows = { us: [], heldBytes: [], leftKb: [] };
    // What the first use of the library and of this program leaves in memory is no name's fault.
    const fresh = freshContestants(context, (ask) => ask('names', { count: 1000 }), ['--expose-gc']);
    for (const [index, count] of sizes.entries()) {
      const results = await interleave(
        found,
        context.quick ? 1 : 3,
        (subject) => fresh.once(subject, ({ ask }) => ask('names', { count })),
        { before: fresh.before, progress: (part) => context.progress((index + part) / sizes.length) },
      );
      for (const key of Object.keys(rows)) {
        const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
        rows[key].push(...rowsOf(samples, { names: count }));
      }
    }
    const figure = (key, unit, title) =>
      context.record({ id: `locks.names.${key}`, title, unit, better: 'less', rows: rows[key] });
    figure('us', 'us', 'Take and release a name, with all of them held at one time');
    figure('heldBytes', 'bytes', 'Memory of a name that is held');
    figure('leftKb', 'kB', 'Memory left after all names were released');
  },
};
