import { interleave, roughly } from '../interleave.mjs';
import { jain, max, sum } from '../statistics.mjs';
import { untilAllSteady } from '../steady.mjs';
import { present, rowsOf } from '../subjects.mjs';
import { between, betweenFigures } from './between.mjs';
import { Pool } from './pool.mjs';

const reference = 'oslo';
const names = ['ours', 'ours fair', 'ours lockfile', 'oslo', 'proper-lockfile', 'fasteners', 'filelock'];
const quickNames = ['ours', 'ours fair', 'oslo'];
/** Those of the goals, of whose time a profile is taken. */
const profiled = new Set(['ours', 'ours fair', 'ours lockfile', 'oslo', 'proper-lockfile']);

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
  seconds: { full: 300, quick: 60 },
  async run(context) {
    const found = await present(context, context.quick ? quickNames : names);
    const cells = cellsOf(context.quick);
    const pool = new Pool(context);
    const figures = Object.fromEntries([...Object.keys(outcomes), ...betweenFigures.map(({ id }) => id)].map(empty));
    try {
      for (const [index, cell] of cells.entries()) {
        const progress = (part) => context.progress((index + part) / cells.length);
        await measure(context, pool, found, { cell, figures, progress });
      }
    } finally {
      await pool.close();
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
    for (const { id, title, unit, better } of betweenFigures) {
      context.record({ id, title, unit, better, rows: figures[id] });
    }
  },
};

const empty = (key) => [key, []];

// The cells of the goals get the most rounds.
function cellsOf(quick) {
  if (quick) {
    const cells = [
      [8, 0],
      [8, 1],
      [32, 0],
    ];
    return cells.map(([processes, holdMs]) => ({ processes, holdMs, rounds: 2, ms: 500, profiles: 1 }));
  }
  return [2, 4, 8, 16, 32].flatMap((processes) =>
    [0, 1, 10].map((holdMs) => {
      const goal = (processes === 8 && holdMs <= 1) || (processes === 32 && holdMs === 0);
      const plan = goal ? { least: 3, most: 5 } : { least: 2, most: 3 };
      const profiles = (processes === 8 || processes === 32) && holdMs <= 1 ? 2 : 0;
      return {
        processes,
        holdMs,
        rounds: { ...plan, within: roughly, reference, by: outcomes.grants.of },
        ms: goal ? 1000 : 250,
        profiles,
      };
    }),
  );
}

/** One cell: all are warmed up, then measured in turns, and then those of the goals once more for their profile. */
async function measure(context, pool, found, { cell, figures, progress }) {
  const { processes, holdMs, rounds, ms, profiles } = cell;
  const compete = async (subject, name, more) => {
    const request = { name: `${name}-${processes}-${holdMs}`, holdMs, ms, ...more };
    return { each: await pool.contend(subject, processes, request), ms: request.ms };
  };
  for (const subject of found) await pool.warm(subject, processes);
  for (const subject of await warmTogether(found, compete, holdMs)) {
    context.unsteady({ id: contended.id, subject, with: { processes, holdMs } });
  }
  const raw = await interleave(found, rounds, (subject, round) => compete(subject, `round${round}`), {
    progress: (part) => progress(part),
  });
  for (const [key, { of }] of Object.entries(outcomes)) {
    const values = new Map([...raw].map(([subject, results]) => [subject, results.map(of)]));
    figures[key].push(...rowsOf(values, { processes, holdMs }));
  }
  const told = await interleave(
    found.filter((subject) => profiled.has(subject)),
    profiles,
    async (subject, round) => {
      const { each, ms: length } = await compete(subject, `profile${round}`, { ms: 300, log: true });
      return between(each, length);
    },
  );
  for (const { id, rows } of betweenFigures) {
    for (const [key, part] of Object.entries(rows)) {
      const known = [...told].map(([subject, results]) => [subject, results.map((one) => one[key])]);
      const values = known.map(([subject, all]) => [subject, all.filter((value) => value !== undefined)]);
      figures[id].push(...rowsOf(new Map(values.filter(([, all]) => all.length > 0)), { processes, holdMs, part }));
    }
  }
}

// The cell without a hold comes first. Afterwards one round is enough for holds of a millisecond, and longer ones are
// mostly sleep.
async function warmTogether(found, compete, holdMs) {
  const sample = async (subject, round) => outcomes.grants.of(await compete(subject, `warm${round}`, { ms: 250 }));
  if (holdMs === 0) return await untilAllSteady(found, sample, { better: 'more', patience: 2, most: 10 });
  if (holdMs === 1) for (const subject of found) await sample(subject, 0);
  return [];
}
