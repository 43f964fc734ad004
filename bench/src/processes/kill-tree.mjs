import { interleave } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = ['ours execute', 'spawn', 'execa', 'tinyexec'];

/** A command with descendants is aborted: how long it takes to settle, and who is left running. */
export const killTree = {
  id: 'processes.kill',
  group: 'processes',
  seconds: { full: 32, quick: 6 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [10] : [1, 10, 100];
    const rows = { ms: [], left: [] };
    for (const [index, count] of sizes.entries()) {
      const results = await withContestants(context, found, (contestants) =>
        interleave(
          found,
          context.quick ? 1 : { least: 2, most: 3, by: ({ ms }) => ms },
          (subject) => contestants.get(subject).ask('killTree', { count }),
          { progress: (part) => context.progress((index + part) / sizes.length) },
        ),
      );
      for (const key of ['ms', 'left']) {
        const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
        rows[key].push(...rowsOf(samples, { sleepers: count }));
      }
    }
    const title = 'Abort a command that has started others: until it settles (2000: not before they were killed by us)';
    context.record({ id: 'processes.kill.settled', title, unit: 'ms', better: 'less', rows: rows.ms });
    const left = 'Abort a command that has started others: how many are left running';
    context.record({ id: 'processes.kill.left', title: left, unit: '', better: 'less', rows: rows.left });
  },
};
