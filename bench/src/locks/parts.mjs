import { interleave } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = ['ours', 'ours fair', 'ours shared', 'ours permits'];

/** What an external lock of ours is made of: each of its system calls, repeated bare, and the JavaScript between them. */
export const parts = {
  id: 'locks.parts',
  group: 'locks',
  seconds: { full: 10, quick: 3 },
  async run(context) {
    const found = await present(context, names);
    const cases = [...found.map((subject) => ({ subject })), ...line(found)];
    const raw = await withContestants(context, found, (contestants) =>
      interleave(
        cases,
        context.quick ? 2 : 5,
        ({ subject, waiters }) => contestants.get(subject).ask('parts', { waiters, name: `parts-${waiters ?? 0}` }),
        { progress: context.progress },
      ),
    );
    const rows = { us: [], calls: [] };
    for (const [{ subject, waiters }, results] of raw) {
      const add = (key, part, values) =>
        rows[key].push(...rowsOf(new Map([[subject, values]]), { ...(waiters ? { waiters } : {}), part }));
      for (const part of Object.keys(results[0].parts)) {
        const own = results.map((one) => one.parts[part]).filter((one) => one !== undefined);
        add(
          'us',
          part,
          own.map((one) => one.us),
        );
        add(
          'calls',
          part,
          own.map((one) => one.calls),
        );
      }
      add(
        'us',
        'all system calls',
        results.map(({ callsUs }) => callsUs),
      );
      add(
        'us',
        'JavaScript',
        results.map(({ callsUs, wholeUs }) => wholeUs - callsUs),
      );
      add(
        'us',
        'all',
        results.map(({ wholeUs }) => wholeUs),
      );
    }
    const figure = (key, unit, title) =>
      context.record({ id: `locks.parts.${key}`, title, unit, better: 'less', rows: rows[key] });
    figure('us', 'us', 'What an external lock is made of: its system calls, repeated bare, and the rest');
    figure('calls', '', 'How many of these system calls a lock makes');
  },
};

/** The line of tasks of which a goal speaks. */
const line = (found) => (found.includes('ours') ? [{ subject: 'ours', waiters: 100 }] : []);
