import { freshContestants } from '../fresh.mjs';
import { interleave } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = ['poll', 'ours', 'ours fair', 'ours internal', 'oslo', 'proper-lockfile'];
const quickNames = ['poll', 'ours', 'oslo'];

/** Tasks (in Python threads) that wait for a lock which another process holds for long. */
export const idle = {
  id: 'locks.idle',
  group: 'locks',
  seconds: { full: 23, quick: 5 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const elsewhere = found.filter((name) => name !== 'poll' && !name.includes('internal'));
    const results = await withContestants(context, elsewhere, async (holders) => {
      await Promise.all([...holders.values()].map(({ ask }) => ask('take')));
      return waitInVain(context, found, holders);
    });
    const figure = (key, unit, title) => {
      const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
      const rows = rowsOf(samples, { waiters: 500 });
      context.record({ id: `locks.idle.${key}`, title, unit, better: 'less', rows });
    };
    figure('core', '% of a core', '500 waiters of one process for a lock held elsewhere: processor time');
    figure('threads', '', '500 waiters of one process for a lock held elsewhere: threads started for them');
  },
};

// Tasks that wait cannot be taken back in every language, so their process serves once; the holder holds on.
function waitInVain({ quick, progress, ...context }, found, holders) {
  const { rounds, ms } = quick ? { rounds: 1, ms: 1000 } : { rounds: 2, ms: 1500 };
  const waiting = freshContestants(context, (ask, subject) =>
    holders.has(subject) || subject === 'poll' ? ask('probe', { name: 'ready' }) : ask('take'),
  );
  const sample = (subject) => waiting.once(subject, ({ ask }) => ask('idle', { count: 500, ms }));
  return interleave(found, rounds, sample, { progress, before: waiting.before });
}
