import { interleave } from '../interleave.mjs';
import { warmUp } from '../steady.mjs';
import { contestantOf, present, rowsOf } from '../subjects.mjs';

const external = [
  'floor',
  'ours',
  'ours fair',
  'ours shared',
  'ours permits',
  'ours sync',
  'ours lockfile',
  'oslo',
  'oslo fair',
  'fasteners',
  'fasteners writer',
  'fasteners reader',
  'filelock',
  'proper-lockfile',
];
const disk = ['floor', 'ours', 'ours fair', 'ours shared', 'oslo', 'fasteners', 'filelock', 'proper-lockfile'];
const internal = [
  'context',
  'ours internal',
  'ours internal fair',
  'ours internal shared',
  'ours internal undetected',
  'ours internal sync',
  'async-mutex',
  'async-lock',
  'p-limit',
  'oslo internal',
  'oslo internal fair',
  'fasteners internal',
];

/** Acquire and release of a lock nobody else wants, each kind in a process of its own. */
export const uncontended = {
  id: 'locks.uncontended',
  group: 'locks',
  seconds: { full: 40, quick: 14 },
  run: async (context) => {
    context.record({
      id: 'locks.uncontended.external',
      title: 'Acquire and release an external lock nobody else wants',
      unit: 'us',
      better: 'less',
      reference: 'floor',
      rows: rowsOf(
        await measure(context, {
          id: 'locks.uncontended.external',
          names: external,
          reference: 'floor',
          batch: 20,
          from: 0,
          to: 0.5,
        }),
      ),
    });
    const onDisk = { ...context, folder: context.diskFolder };
    context.record({
      id: 'locks.uncontended.disk',
      title: 'The same with the lock files on a disk',
      unit: 'us',
      better: 'less',
      reference: 'floor',
      rows: rowsOf(
        await measure(onDisk, {
          id: 'locks.uncontended.disk',
          names: disk,
          reference: 'floor',
          batch: 20,
          from: 0.5,
          to: 0.7,
        }),
      ),
    });
    context.record({
      id: 'locks.uncontended.internal',
      title: 'Acquire and release an internal lock nobody else wants',
      unit: 'us',
      better: 'less',
      reference: 'async-mutex',
      rows: rowsOf(
        await measure(context, {
          id: 'locks.uncontended.internal',
          names: internal,
          reference: 'async-mutex',
          batch: 200,
          from: 0.7,
          to: 1,
        }),
      ),
    });
  },
};

// What a goal is about, and the floor.
const quickNames = new Set([
  ...['floor', 'ours', 'ours fair', 'ours lockfile', 'oslo', 'fasteners', 'proper-lockfile'],
  ...['context', 'ours internal', 'ours internal undetected', 'async-mutex', 'async-lock', 'p-limit', 'oslo internal'],
]);

async function measure(context, { id, names, reference, batch, from, to }) {
  const found = await present(context, context.quick ? names.filter((name) => quickNames.has(name)) : names);
  const processes = new Map(found.map((subject) => [subject, contestantOf(context, subject)]));
  const { rounds, ms } = context.quick ? { rounds: 3, ms: 40 } : { rounds: { least: 8, most: 12, reference }, ms: 60 };
  const ask = (subject) => processes.get(subject).ask('uncontended', { ms, batch });
  try {
    await warmUp(processes, ask, (subject) => context.unsteady({ id, subject }));
    const progress = (part) => context.progress(from + part * (to - from));
    return await interleave(found, rounds, ask, { progress });
  } finally {
    await Promise.all([...processes.values()].map(({ contestant }) => contestant.kill()));
  }
}
