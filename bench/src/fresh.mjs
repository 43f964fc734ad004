import { contestantOf } from './subjects.mjs';

/**
 * Contestants of which each serves for one sample. Those of a round start together ahead of it, so that nothing starts
 * while something is measured, and the run does not wait for one after the other on one core. `prepare` makes each ready.
 */
export function freshContestants(context, prepare, flags) {
  const ready = new Map();
  return {
    before: (asked) =>
      Promise.all(
        asked.map(async (subject) => {
          const one = contestantOf(context, subject, { flags });
          ready.set(subject, one);
          await prepare(one.ask, subject);
        }),
      ),
    /** What `use` makes of the one for `subject`, which is ended then. */
    async once(subject, use) {
      const one = ready.get(subject);
      try {
        return await use(one);
      } finally {
        await one.contestant.kill();
      }
    },
  };
}
