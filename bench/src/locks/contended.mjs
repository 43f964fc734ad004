import { Contestant } from '../contestant.mjs';
import { interleave, roughly } from '../interleave.mjs';
import { jain, max, sum } from '../statistics.mjs';
import { present, rowsOf, subjects } from '../subjects.mjs';

const reference = 'oslo';
const names = ['ours', 'ours fair', 'ours lockfile', 'oslo', 'proper-lockfile', 'fasteners', 'filelock'];

/** What is told of one round of processes that all want one lock: how to work it out, and how to read it. */
const outcomes = {
  grants: {
    title: 'Grants a second',
    unit: '1/s',
    better: 'more',
    of: ({ each, ms }) => sum(each.map(({ grants }) => grants)) / (ms / 1000),
  },
  longest: {
    title: 'The longest wait',
    unit: 'ms',
    better: 'less',
    of: ({ each }) => max(each.map(({ longestMs }) => longestMs)),
  },
  share: {
    title: 'Grants of the process with the fewest, to those of the one with the most',
    unit: '',
    better: 'more',
    of({ each }) {
      const grants = each.map((one) => one.grants);
      return Math.min(...grants) / Math.max(1, ...grants);
    },
  },
  jain: {
    title: "Jain's fairness index",
    unit: '',
    better: 'more',
    of: ({ each }) => jain(each.map(({ grants }) => grants)),
  },
  cpu: {
    title: 'CPU time a grant',
    unit: 'ms',
    better: 'less',
    of: ({ each }) => sum(each.map(({ cpuMs }) => cpuMs)) / Math.max(1, sum(each.map(({ grants }) => grants))),
  },
  wakes: {
    title: 'Wakes of a process, to each grant of another process',
    unit: '',
    better: 'less',
    of({ each }) {
      const all = sum(each.map(({ grants }) => grants));
      return sum(each.map(({ wakes }) => wakes)) / Math.max(1, (each.length - 1) * all);
    },
  },
  held: {
    title: 'Part of the time in which somebody held the lock',
    unit: '',
    better: 'more',
    of: ({ each, ms }) => sum(each.map(({ heldMs }) => heldMs)) / ms,
  },
};

/** Processes that all want one lock, again and again. */
export const contended = {
  id: 'locks.contended',
  group: 'locks',
  seconds: { full: 170, quick: 20 },
  async run(context) {
    const found = await present(context, names);
    const cells = cellsOf(context.quick);
    const pools = new Map();
    const figures = Object.fromEntries(Object.keys(outcomes).map((key) => [key, []]));
    try {
      for (const [index, { processes, holdMs, rounds, ms }] of cells.entries()) {
        const raw = await interleave(
          found,
          rounds,
          (subject, round) => compete(context, pools, { subject, processes, holdMs, ms, round }),
          { progress: (part) => context.progress((index + part) / cells.length) },
        );
        for (const [key, { of }] of Object.entries(outcomes)) {
          const values = new Map([...raw].map(([subject, results]) => [subject, results.map(of)]));
          figures[key].push(...rowsOf(values, { processes, holdMs }));
        }
      }
    } finally {
      await Promise.all([...pools.values()].flat().map(({ contestant }) => contestant.kill()));
    }
    for (const [key, { title, unit, better }] of Object.entries(outcomes)) {
      context.record({
        id: `locks.contended.${key}`,
        title,
        unit,
        better,
        reference: found.includes(reference) ? reference : undefined,
        rows: figures[key],
      });
    }
  },
};

// The cells of the goals get the most rounds.
function cellsOf(quick) {
  if (quick) {
    const cells = [
      [8, 0],
      [8, 1],
      [32, 0],
    ];
    return cells.map(([processes, holdMs]) => ({ processes, holdMs, rounds: 2, ms: 500 }));
  }
  return [2, 4, 8, 16, 32].flatMap((processes) =>
    [0, 1, 10].map((holdMs) => {
      const goal = (processes === 8 && holdMs <= 1) || (processes === 32 && holdMs === 0);
      const plan = goal ? { least: 3, most: 5 } : { least: 2, most: 3, within: roughly };
      return { processes, holdMs, rounds: { ...plan, reference, by: outcomes.grants.of }, ms: goal ? 1500 : 300 };
    }),
  );
}

async function compete(context, pools, { subject, processes, holdMs, ms, round }) {
  const { program } = subjects[subject];
  const pool = pools.get(program) ?? [];
  pools.set(program, pool);
  while (pool.length < processes) pool.push({ contestant: new Contestant(program), ready: new Set() });
  const members = pool.slice(0, processes);
  const directory = context.folder(subject);
  await Promise.all(members.map((member, index) => makeReady(member, { subject, directory, name: `ready-${index}` })));
  const name = `contended-${processes}-${holdMs}-${round}`;
  const startAt = Date.now() + 20;
  const each = await Promise.all(
    members.map(({ contestant }) => contestant.ask('contend', { subject, directory, name, startAt, ms, holdMs })),
  );
  return { each, ms };
}

// Loads the library and compiles before anybody waits for the start; once, as the processes stay.
async function makeReady({ contestant, ready }, request) {
  if (ready.has(request.subject)) return;
  await contestant.ask('probe', request);
  ready.add(request.subject);
}
