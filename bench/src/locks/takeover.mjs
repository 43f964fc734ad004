import { setTimeout as pause } from 'node:timers/promises';
import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

// proper-lockfile takes a dead holder's lock after 10 s, by its default `stale`; that needs no measuring.
const names = ['ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'filelock'];
const quickNames = ['ours', 'ours fair', 'oslo'];

/** From the SIGKILL of the holder to the grant of a process that waits. */
export const takeover = {
  id: 'locks.takeover',
  group: 'locks',
  seconds: { full: 60, quick: 8 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const rounds = context.quick ? 10 : 40;
    const waiters = new Map(found.map((subject) => [subject, contestantOf(context, subject)]));
    try {
      const samples = await interleave(
        found,
        rounds,
        (subject) => takeOver(context, subject, waiters.get(subject)),
        context.progress,
      );
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

async function takeOver(context, subject, waiter) {
  const holder = contestantOf(context, subject);
  await holder.ask('take');
  const granted = waiter.ask('take');
  await pause(25 + 100 * Math.random());
  const killed = Number(process.hrtime.bigint());
  process.kill(holder.contestant.pid, 'SIGKILL');
  const { at } = await granted;
  await holder.contestant.ended;
  await waiter.ask('drop');
  return (at - killed) / 1e6;
}
