import { setTimeout as pause } from 'node:timers/promises';
import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

const names = ['floor', 'ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'filelock', 'proper-lockfile'];
const quickNames = ['floor', 'ours', 'ours fair', 'oslo'];
const aloneNames = ['wake', 'floor', 'ours', 'ours fair'];

/**
 * From the release of one process to the grant of another that waits, on a machine with nothing else to do: with the
 * processes of all subjects there, each asleep most of the time, and with the two of one subject only.
 */
export const handover = {
  id: 'locks.handover',
  group: 'locks',
  seconds: { full: 45, quick: 15 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const rounds = context.quick ? 20 : 50;
    const { progress } = context;
    const samples = await withPairs(context, found, (pairs) =>
      interleave(found, rounds, (subject) => handOver(pairs.get(subject)), { progress: (part) => progress(part / 2) }),
    );
    context.record({
      id: 'locks.handover',
      title: 'Hand-over: from the release to the grant of a process that waits',
      unit: 'ms',
      better: 'less',
      reference: 'floor',
      rows: rowsOf(samples),
    });
    const alone = new Map();
    for (const [place, subject] of aloneNames.entries()) {
      const part = (done) => progress(0.5 + (place + done) / aloneNames.length / 2);
      const own = await withPairs(context, [subject], (pairs) =>
        interleave([subject], rounds, () => handOver(pairs.get(subject)), { progress: part }),
      );
      alone.set(subject, own.get(subject));
    }
    context.record({
      id: 'locks.handover.alone',
      title: 'Hand-over between two processes, with nobody else there',
      unit: 'ms',
      better: 'less',
      rows: rowsOf(alone),
    });
  },
};

async function withPairs(context, subjects, use) {
  const pairs = new Map();
  try {
    for (const subject of subjects)
      pairs.set(subject, [contestantOf(context, subject), contestantOf(context, subject)]);
    await Promise.all([...pairs.values()].map(makeReady));
    return await use(pairs);
  } finally {
    await Promise.all([...pairs.values()].flat().map(({ contestant }) => contestant.kill()));
  }
}

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
