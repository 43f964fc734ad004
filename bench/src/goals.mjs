import {
  costOfALock,
  costOfManyEnds,
  costOfTheCheck,
  costOfTheLine,
  costOfTheLockfile,
  costOfTurns,
  costOfWaking,
  costOfWatching,
  fairTurn,
  handOverEach,
  handOverInCompany,
  takeOverCause,
  twentieth,
  wholeTurns,
} from './causes.mjs';
import { median, quantile, ratio, summary } from './statistics.mjs';

const atMost = (target) => ({ relation: 'at most', target, reached: (value) => value <= target });
const atLeast = (target) => ({ relation: 'at least', target, reached: (value) => value >= target });
const goalCell = { processes: 8, holdMs: 1 };

/** What the project set out to reach. `of` finds the value in the figures of a run; `undefined` when not measured. */
const goals = [
  {
    text: 'Uncontended external lock on a disk, to oslo.concurrency (time)',
    ...costOfALock('ours'),
    ...atMost(0.5),
    of: (run) => run.ratio('locks.uncontended.disk', 'ours', 'oslo'),
  },
  {
    text: 'Uncontended external lock on a disk, to proper-lockfile (times faster)',
    ...twentieth('locks.uncontended.disk'),
    ...atLeast(20),
    of: (run) => run.ratio('locks.uncontended.disk', 'proper-lockfile', 'ours'),
  },
  {
    text: 'Uncontended external lock in memory, to proper-lockfile (times faster)',
    ...twentieth('locks.uncontended.external'),
    ...atLeast(20),
    of: (run) => run.ratio('locks.uncontended.external', 'proper-lockfile', 'ours'),
  },
  {
    text: 'Uncontended external lock on a disk, to the floor of bare system calls (time)',
    ...costOfALock('ours'),
    ...atMost(2),
    of: (run) => run.ratio('locks.uncontended.disk', 'ours', 'floor'),
  },
  {
    text: 'Uncontended external lock in memory, to py-filelock (time)',
    ...costOfALock('ours'),
    ...atMost(1),
    of: (run) => run.ratio('locks.uncontended.external', 'ours', 'filelock'),
  },
  {
    text: 'Uncontended external lock in memory, to fasteners (time)',
    ...costOfALock('ours'),
    ...atMost(0.4),
    of: (run) => run.ratio('locks.uncontended.external', 'ours', 'fasteners'),
  },
  ...['ours fair', 'ours shared', 'ours permits'].map((subject) => ({
    text: `Uncontended, ${subject.slice('ours '.length)}, in memory, to the reader of fasteners (time)`,
    ...costOfALock(subject),
    ...atMost(1),
    of: (run) => run.ratio('locks.uncontended.external', subject, 'fasteners reader'),
  })),
  {
    text: '100 tasks of one process that wait for one external lock: a grant (us)',
    ...costOfTheLine,
    ...atMost(5),
    of: (run) => run.value('locks.waiters', 'ours', { waiters: 100 }),
  },
  {
    text: '8 processes that hold for no time: grants a second, to oslo.concurrency',
    ...costOfTurns({ processes: 8, holdMs: 0 }),
    ...atLeast(2),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', { processes: 8, holdMs: 0 }),
  },
  {
    text: '8 processes that hold for no time: the longest wait (ms)',
    ...costOfTurns({ processes: 8, holdMs: 0 }),
    ...atMost(50),
    of: (run) => run.value('locks.contended.longest', 'ours', { processes: 8, holdMs: 0 }),
  },
  {
    text: '8 processes that hold for no time: fewest to most grants',
    ...costOfTurns({ processes: 8, holdMs: 0 }),
    ...atLeast(0.6),
    of: (run) => run.value('locks.contended.share', 'ours', { processes: 8, holdMs: 0 }),
  },
  {
    text: '32 processes that hold for no time: grants a second, to oslo.concurrency',
    ...costOfTurns({ processes: 32, holdMs: 0 }),
    ...atLeast(1.5),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', { processes: 32, holdMs: 0 }),
  },
  {
    text: '8 processes that hold 1 ms: grants a second, to oslo.concurrency',
    ...costOfTurns(goalCell),
    ...atLeast(1),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: the longest wait (ms)',
    ...costOfTurns(goalCell),
    ...atMost(80),
    of: (run) => run.value('locks.contended.longest', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: fewest to most grants',
    ...wholeTurns(goalCell),
    ...atLeast(0.9),
    of: (run) => run.value('locks.contended.share', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: wakes of a process, to each grant of another',
    ...costOfTurns(goalCell),
    ...atMost(0.1),
    of: (run) => run.value('locks.contended.wakes', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: grants a second, to oslo.concurrency',
    ...handOverEach(goalCell),
    ...atLeast(0.87),
    of: (run) => run.ratio('locks.contended.grants', 'ours fair', 'oslo', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: the longest wait (ms)',
    ...fairTurn(goalCell),
    ...atMost(40),
    of: (run) => run.value('locks.contended.longest', 'ours fair', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: fewest to most grants',
    ...atLeast(0.97),
    of: (run) => run.value('locks.contended.share', 'ours fair', goalCell),
  },
  {
    text: 'Uncontended lock of the lockfile driver in memory, to proper-lockfile (time)',
    cause:
      'proper-lockfile makes a folder and removes it. The lockfile driver also writes a record that names the holder. It ' +
      'checks whether the last holder died, whether the lock path is its own, and the access rights of what it makes.',
    ...atMost(3),
    of: (run) => run.ratio('locks.uncontended.external', 'ours lockfile', 'proper-lockfile'),
  },
  ...[8, 32].map((processes) => ({
    text: `${processes} processes that hold 1 ms, lockfile driver: grants a second, to proper-lockfile`,
    ...costOfTheLockfile({ processes, holdMs: 1 }),
    ...atLeast(0.95),
    of: (run) => run.ratio('locks.contended.grants', 'ours lockfile', 'proper-lockfile', { processes, holdMs: 1 }),
  })),
  {
    text: 'Take-over after SIGKILL, p50 (ms)',
    ...takeOverCause,
    ...atMost(50),
    of: (run) => run.quantile('locks.takeover', 'ours', 0.5),
  },
  {
    text: 'Take-over after SIGKILL, p99 (ms)',
    ...takeOverCause,
    ...atMost(100),
    of: (run) => run.quantile('locks.takeover', 'ours', 0.99),
  },
  {
    text: 'Hand-over to a process that waits, p50 (ms)',
    ...handOverInCompany,
    ...atMost(0.5),
    of: (run) => run.quantile('locks.handover', 'ours', 0.5),
  },
  {
    text: 'Hand-over between two processes and nobody else there, p50 (ms)',
    ...costOfWaking,
    ...atMost(0.5),
    of: (run) => run.quantile('locks.handover.alone', 'ours', 0.5),
  },
  {
    text: 'The same, to a bare wake by `fs.watch` in the same run (time)',
    ...costOfWaking,
    ...atMost(2),
    of: (run) => run.medians('locks.handover.alone', 'ours', 'wake'),
  },
  {
    text: 'Internal lock, to the fastest JavaScript peer (times faster)',
    ...costOfTheCheck('locks.uncontended.internal'),
    ...atLeast(1.5),
    of: (run) => run.fastest('locks.uncontended.internal', 'ours internal', ['async-mutex', 'async-lock', 'p-limit']),
  },
  ...[24, 26].map((node) => ({
    text: `Internal lock on Node ${node}, to the fastest JavaScript peer (times faster)`,
    ...costOfTheCheck('locks.nodes', { node }),
    ...atLeast(1),
    of: (run) => run.fastest('locks.nodes', 'ours internal', ['async-mutex', 'async-lock', 'p-limit'], { node }),
  })),
  ...[
    ['core', 3],
    ['lockutils', 10],
    ['processutils', 10],
  ].map(([subject, target]) => ({
    text: `Import ${subject} after what it needs, on a machine that starts Node in 40 ms (ms)`,
    cause: 'The import also loads modules of Node. They take as long as ours, and most of the time of core.',
    ...atMost(target),
    of: (run) => run.value('imports.cost', subject),
  })),
  {
    text: '500 waiters for a lock held elsewhere (% of a core)',
    ...costOfWatching,
    ...atMost(1),
    of: (run) => run.value('locks.idle.core', 'ours', { waiters: 500 }),
  },
  {
    text: '500 waiters for a lock held elsewhere: extra threads',
    ...atMost(0),
    of: (run) => run.value('locks.idle.threads', 'ours', { waiters: 500 }),
  },
  {
    text: 'Run a command, to bare execa (time)',
    ...atMost(1.1),
    of: (run) => run.ratio('processes.commands.one', 'ours execute', 'execa'),
  },
  {
    text: 'Run a command with limits, to oslo.concurrency (time)',
    ...atMost(0.3),
    of: (run) => run.ratio('processes.commands.limits', 'ours execute limited', 'oslo execute limited'),
  },
  {
    text: 'Abort 200 commands at once, all of which end at the first signal, until they have settled (ms)',
    ...atMost(700),
    of: (run) => run.value('processes.kill.many.settled', 'ours execute', { commands: 200 }),
  },
  {
    text: 'Abort 200 commands at once, all of which end at the first signal (ms of processor time)',
    ...costOfManyEnds,
    ...atMost(500),
    of: (run) => run.value('processes.kill.many.cpu', 'ours execute', { commands: 200 }),
  },
  {
    text: 'Capture 200 MB, to child_process.spawn (time)',
    ...atMost(1),
    of: (run) => run.ratio('processes.output', 'ours execute', 'spawn', { bytes: 200_000_000 }),
  },
];

/**
 * Each goal with its value in this run, and whether it was `reached`, `missed` or not `measured`; a missed one with its
 * cause, and with the tables that show it.
 */
export function judge(figures) {
  const run = reader(figures);
  return goals.map(({ text, relation, target, reached, cause, profile, of }) => {
    const value = of(run);
    const verdict = value === undefined ? 'not measured' : reached(value.median) ? 'reached' : 'missed';
    const why = verdict === 'missed' ? whyMissed(run, cause, profile) : {};
    return { text, relation, target, verdict, ...value, ...why };
  });
}

function whyMissed(run, cause, profile) {
  const tables = [profile?.(run)].flat();
  return {
    cause: typeof cause === 'function' ? cause(run) : cause,
    profiles: tables.filter((table) => table !== undefined),
  };
}

function reader(figures) {
  const samples = (id, subject, parameters) => {
    const rows = figures.find((figure) => figure.id === id)?.rows ?? [];
    return rows.find((row) => row.subject === subject && sameParameters(row.with, parameters))?.samples;
  };
  const both = (a, b, use) => (a === undefined || b === undefined ? undefined : use(a, b));
  return {
    ratio: (id, subject, to, parameters) => both(samples(id, subject, parameters), samples(id, to, parameters), ratio),
    // Of subjects that were measured one after the other, so that no two samples are of one round.
    medians: (id, subject, to) =>
      both(samples(id, subject), samples(id, to), (own, other) => ({
        median: median(own) / median(other),
        count: own.length,
      })),
    value(id, subject, parameters) {
      const found = samples(id, subject, parameters);
      return found && summary(found);
    },
    /** The parts that a figure divides a subject into, in order; `more` is what else it was measured with. */
    partsOf(id, subject, more) {
      const rows = figures.find((figure) => figure.id === id)?.rows ?? [];
      return rows
        .filter((row) => row.subject === subject && sameParameters(row.with, { ...more, part: row.with.part }))
        .map((row) => row.with.part);
    },
    quantile(id, subject, part) {
      const found = samples(id, subject);
      if (found === undefined) return undefined;
      const { low, high, count } = summary(found);
      return part === 0.5 ? { median: median(found), low, high, count } : { median: quantile(found, part), count };
    },
    fastest(id, subject, peers, parameters) {
      const own = samples(id, subject, parameters);
      const others = peers.map((peer) => samples(id, peer, parameters)).filter((found) => found !== undefined);
      if (own === undefined || others.length === 0) return undefined;
      const best = others.reduce((a, b) => (median(b) < median(a) ? b : a));
      return ratio(best, own);
    },
  };
}

function sameParameters(own, asked) {
  return JSON.stringify(own ?? {}) === JSON.stringify(asked ?? {});
}
