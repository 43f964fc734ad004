import { interleave } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

/** What `execute` is built on, beside it where the goals are. */
const base = 'execa';
const names = ['ours execute', base];
const goalSize = 200;

/** Many commands are aborted in one moment; each ends at the first signal. What is left is the cost of looking. */
export const killMany = {
  id: 'processes.kill.many',
  group: 'processes',
  seconds: { full: 20, quick: 5 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [goalSize] : [1, 25, goalSize];
    const rows = { ms: [], cpu: [] };
    for (const [index, count] of sizes.entries()) {
      const asked = found.filter((subject) => subject !== base || count === goalSize);
      const results = await withContestants(context, asked, (contestants) =>
        interleave(
          asked,
          context.quick ? 2 : { least: 3, most: 5, by: ({ ms }) => ms },
          (subject) => contestants.get(subject).ask('killMany', { count }),
          { progress: (part) => context.progress((index + part) / sizes.length) },
        ),
      );
      for (const key of ['ms', 'cpu']) {
        const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
        rows[key].push(...rowsOf(samples, { commands: count }));
      }
    }
    const title = 'Abort many commands in one moment: until all have settled';
    context.record({ id: 'processes.kill.many.settled', title, unit: 'ms', better: 'less', rows: rows.ms });
    const cpu = 'Abort many commands in one moment: processor time of this process';
    context.record({ id: 'processes.kill.many.cpu', title: cpu, unit: 'ms', better: 'less', rows: rows.cpu });
  },
};
