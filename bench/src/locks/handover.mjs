import { setTimeout as pause } from 'node:timers/promises';
import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

const names = ['floor', 'ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'filelock', 'proper-lockfile'];
const quickNames = ['floor', 'ours', 'ours fair', 'oslo'];

/** From the release of one process to the grant of another that waits, on a machine with nothing else to do. */
export const handover = {
  id: 'locks.handover',
  group: 'locks',
  seconds: { full: 25, quick: 7 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const pairs = new Map();
    try {
      for (const subject of found) pairs.set(subject, [contestantOf(context, subject), contestantOf(context, subject)]);
      await Promise.all([...pairs.values()].map(makeReady));
      const rounds = context.quick ? 20 : 50;
      const handed = (subject) => handOver(pairs.get(subject));
      const samples = await interleave(found, rounds, handed, { progress: context.progress });
      context.record({
        id: 'locks.handover',
        title: 'Hand-over: from the release to the grant of a process that waits',
        unit: 'ms',
        better: 'less',
        reference: 'floor',
        rows: rowsOf(samples),
      });
    } finally {
      await Promise.all([...pairs.values()].flat().map(({ contestant }) => contestant.kill()));
    }
  },
};

// Who loads a library while it should be waiting would be measured loading it.
async function makeReady([holder, waiter]) {
  await Promise.all([holder.ask('take'), waiter.ask('probe', { name: 'ready' })]);
}

async function handOver(pair) {
  const [holder, waiter] = pair;
  const granted = waiter.ask('take');
  // Long enough to have gone to sleep, and never in step with somebody's poll.
  await pause(25 + 50 * Math.random());
  const released = await holder.ask('drop');
  const { at } = await granted;
  pair.reverse();
  return (at - released.at) / 1e6;
}
