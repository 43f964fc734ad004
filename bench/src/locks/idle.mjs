import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

const names = ['ours', 'ours fair', 'ours internal', 'oslo', 'proper-lockfile'];
const quickNames = ['ours', 'oslo'];

/** Tasks (in Python threads) that wait for a lock which another process holds for long. */
export const idle = {
  id: 'locks.idle',
  group: 'locks',
  seconds: { full: 30, quick: 5 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const results = await interleave(
      found,
      context.quick ? 1 : 2,
      (subject) => waitInVain(context, subject),
      context.progress,
    );
    const figure = (key, unit, title) => {
      const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
      const rows = rowsOf(samples, { waiters: 500 });
      context.record({ id: `locks.idle.${key}`, title, unit, better: 'less', rows });
    };
    figure('core', '% of a core', '500 waiters of one process for a lock held elsewhere: processor time');
    figure('threads', '', '500 waiters of one process for a lock held elsewhere: threads started for them');
  },
};

async function waitInVain(context, subject) {
  const internal = subject.includes('internal');
  const waiting = contestantOf(context, subject);
  const holding = internal ? waiting : contestantOf(context, subject);
  try {
    await holding.ask('take');
    return await waiting.ask('idle', { count: 500, ms: context.quick ? 1000 : 2000 });
  } finally {
    await waiting.contestant.kill();
    await holding.contestant.kill();
  }
}
