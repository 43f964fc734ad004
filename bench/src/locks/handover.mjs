import { setTimeout as pause } from 'node:timers/promises';
import { interleave } from '../interleave.mjs';
import { median } from '../statistics.mjs';
import { untilSteady } from '../steady.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';
import { handOverParts } from './handover-parts.mjs';

const names = ['floor', 'ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'filelock', 'proper-lockfile'];
const quickNames = ['floor', 'ours', 'ours fair', 'oslo'];
const aloneNames = ['wake', 'floor', 'ours', 'ours fair'];
const profiled = ['ours', 'ours fair'];

/**
 * From the release of one process to the grant of another that waits, on a machine with nothing else to do: with the
 * processes of all subjects there, each asleep most of the time, and with the two of one subject only.
 */
export const handover = {
  id: 'locks.handover',
  group: 'locks',
  seconds: { full: 48, quick: 18 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const rounds = context.quick ? 20 : 50;
    const { progress } = context;
    const samples = await withPairs(context, found, (pairs) =>
      interleave(found, rounds, async (subject) => (await handOver(pairs.get(subject))).ms, {
        progress: (part) => progress(part * 0.6),
      }),
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
      const part = (done) => progress(0.6 + ((place + done) / aloneNames.length) * 0.3);
      const own = await withPairs(context, [subject], (pairs) =>
        interleave([subject], rounds, async () => (await handOver(pairs.get(subject))).ms, { progress: part }),
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
    context.record({
      id: 'locks.handover.parts',
      title: 'What a hand-over between two processes is made of',
      unit: 'us',
      better: 'less',
      rows: await partsOf(context, context.quick ? 10 : 30),
    });
  },
};

/** The same pairs of processes once more, with a driver whose system calls are timed. */
async function partsOf(context, rounds) {
  const rows = [];
  for (const subject of await present(context, profiled)) {
    const found = await withPairs(
      context,
      [subject],
      (pairs) => interleave([subject], rounds, () => handOver(pairs.get(subject))),
      true,
    );
    const parts = found
      .get(subject)
      .map(handOverParts)
      .filter((one) => one !== undefined);
    for (const part of Object.keys(parts[0] ?? {})) {
      rows.push(...rowsOf(new Map([[subject, parts.map((one) => one[part])]]), { part }));
    }
  }
  return rows;
}

async function withPairs(context, subjects, use, timed = false) {
  const pairs = new Map();
  try {
    for (const subject of subjects) {
      pairs.set(subject, { members: [contestantOf(context, subject), contestantOf(context, subject)], timed });
    }
    await Promise.all([...pairs.values()].map(makeReady));
    for (const [subject, pair] of pairs) {
      if (!(await warm(pair))) context.unsteady({ id: handover.id, subject });
    }
    return await use(pairs);
  } finally {
    await Promise.all([...pairs.values()].flatMap(({ members }) => members).map(({ contestant }) => contestant.kill()));
  }
}

// Who loads a library while it should be waiting would be measured loading it.
async function makeReady({ members: [holder, waiter], timed }) {
  await Promise.all([holder.ask('take', { timed }), waiter.ask('probe', { name: 'ready', timed })]);
}

// A sample is the median of eight. Those who poll get steady at once.
function warm(pair) {
  const sample = async () => {
    const some = [];
    while (some.length < 8) some.push((await handOver(pair, { least: 2, most: 10 })).ms);
    return median(some);
  };
  return untilSteady(sample, { better: 'less', patience: 3, most: 15, ms: 4000 });
}

/** In ms. By default the waiter waits long enough to have gone to sleep, and never in step with somebody's poll. */
async function handOver(pair, { least, most } = { least: 25, most: 75 }) {
  const [holder, waiter] = pair.members;
  const granted = waiter.ask('take', { timed: pair.timed });
  await pause(least + (most - least) * Math.random());
  const released = await holder.ask('drop');
  const grant = await granted;
  pair.members.reverse();
  return { ms: (grant.at - released.at) / 1e6, released, grant };
}
