import { interleave } from '../interleave.mjs';
import { sum } from '../statistics.mjs';
import { present, rowsOf } from '../subjects.mjs';
import { Pool } from './pool.mjs';

const names = ['ours', 'oslo'];
const seconds = [1, 2];

/**
 * What the other figures of contended locks leave out: processes that have just started and acquired their first lock
 * want one lock together. V8 has compiled nothing yet.
 */
export const cold = {
  id: 'locks.cold',
  group: 'locks',
  seconds: { full: 27, quick: 8 },
  async run(context) {
    const found = await present(context, names);
    // The more processes, the more of them a sample is the sum of, and the longer they take to start.
    const sizes = context.quick
      ? [{ processes: 8, rounds: 1 }]
      : [
          { processes: 8, rounds: 2 },
          { processes: 32, rounds: 1 },
        ];
    const rows = [];
    for (const [index, { processes, rounds }] of sizes.entries()) {
      const raw = await interleave(
        found,
        rounds,
        (subject, round) => firstSeconds(context, { subject, processes, round }),
        { progress: (part) => context.progress((index + part) / sizes.length) },
      );
      for (const [place, second] of seconds.entries()) {
        const values = new Map([...raw].map(([subject, results]) => [subject, results.map((one) => one[place])]));
        rows.push(...rowsOf(values, { processes, second }));
      }
    }
    context.record({
      id: 'locks.cold',
      title: "Grants in the first seconds after the processes' first lock, each held for no time",
      unit: '1/s',
      better: 'more',
      reference: found.includes('oslo') ? 'oslo' : undefined,
      rows,
    });
  },
};

async function firstSeconds(context, { subject, processes, round }) {
  const pool = new Pool(context);
  try {
    await pool.start(subject, processes);
    const name = `cold-${processes}-${round}`;
    const grants = [];
    for (const _ of seconds) {
      const each = await pool.contend(subject, processes, { name, ms: 1000, holdMs: 0 });
      grants.push(sum(each.map((one) => one.grants)));
    }
    return grants;
  } finally {
    await pool.close();
  }
}
