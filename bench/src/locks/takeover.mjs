import { setTimeout as pause } from 'node:timers/promises';
import { freshContestants } from '../fresh.mjs';
import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

// proper-lockfile takes a dead holder's lock after 10 s, by its default `stale`; that needs no measuring.
const names = ['ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'filelock'];
const quickNames = ['ours', 'ours fair', 'oslo'];

/** From the SIGKILL of the holder to the grant of a process that waits. */
export const takeover = {
  id: 'locks.takeover',
  group: 'locks',
  seconds: { full: 45, quick: 7 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const rounds = context.quick ? 3 : 25;
    const holders = freshContestants(context, (ask) => ask('take'));
    const waiters = new Map(found.map((subject) => [subject, contestantOf(context, subject)]));
    // Who loads a library while it should be waiting would be measured loading it.
    const makeReady = ({ ask }) => ask('probe', { name: 'ready' });
    const sample = (subject) => holders.once(subject, (holder) => takeOver(holder, waiters.get(subject)));
    try {
      await Promise.all([...waiters.values()].map(makeReady));
      const { progress } = context;
      const samples = await interleave(found, rounds, sample, { progress, before: holders.before });
      context.record({
        id: 'locks.takeover',
        title: 'Take-over: from the SIGKILL of the holder to the grant of a process that waits',
        unit: 'ms',
        better: 'less',
        reference: undefined,
        rows: rowsOf(samples),
      });
    } finally {
      await Promise.all([...waiters.values()].map(({ contestant }) => contestant.kill()));
    }
  },
};

async function takeOver(holder, waiter) {
  const granted = waiter.ask('take');
  await pause(25 + 100 * Math.random());
  const killed = Number(process.hrtime.bigint());
  process.kill(holder.contestant.pid, 'SIGKILL');
  const { at } = await granted;
  await holder.contestant.ended;
  await waiter.ask('drop');
  return (at - killed) / 1e6;
}
