import { median, quantile, ratio, summary } from './statistics.mjs';

const atMost = (target) => ({ relation: 'at most', target, reached: (value) => value <= target });
const atLeast = (target) => ({ relation: 'at least', target, reached: (value) => value >= target });
const goalCell = { processes: 8, holdMs: 1 };

// Found by leaving out one call at a time, through the driver's own extension point for faults.
const costOfALock =
  'Taken apart when a lock cost 11.4 us: the three system calls of the floor would be 4.0. The record that names the holder, written ' +
  'at the grant and cleared at the release, takes 3.5; the look whether the file was removed meanwhile 2.7; reading ' +
  'whether the last holder died 0.8; what is left is JavaScript. Each of them carries a guarantee (G15, G18, G19).';
const costOfWaking =
  'The next in line sleeps. To wake it by inotify takes 140 us alone; what it runs then has left the caches of ' +
  'the processor and is not compiled yet, which makes each of its calls 5 to 20 times dearer for a moment, 300 us in all.';

const costOfTurns =
  'A process keeps a contended lock for some milliseconds, then the first that waits gets it; oslo.concurrency hands ' +
  `nothing over, and starves some (see the fewest to most grants). ${costOfWaking} With more processes than processors, ` +
  'the next in line also waits for one.';

const takeOverCause =
  'The kernel tells nobody that a lock was freed by a death, so those who wait look every 50 ms; on a busy machine the ' +
  'end of the killed process and the look itself come late.';

/** What the project set out to reach. `of` finds the value in the figures of a run; `undefined` when not measured. */
const goals = [
  {
    text: 'Uncontended external lock on a disk, to oslo.concurrency (time)',
    cause: costOfALock,
    ...atMost(0.5),
    of: (run) => run.ratio('locks.uncontended.disk', 'ours', 'oslo'),
  },
  {
    text: 'Uncontended external lock on a disk, to proper-lockfile (times faster)',
    cause: 'proper-lockfile makes and removes a directory, whose cost depends on the disk.',
    ...atLeast(20),
    of: (run) => run.ratio('locks.uncontended.disk', 'proper-lockfile', 'ours'),
  },
  {
    text: 'Uncontended external lock in memory, to proper-lockfile (times faster)',
    cause:
      'proper-lockfile makes and removes a directory. On a disk that costs hundreds of microseconds, in memory some seventy.',
    ...atLeast(20),
    of: (run) => run.ratio('locks.uncontended.external', 'proper-lockfile', 'ours'),
  },
  {
    text: 'Uncontended external lock on a disk, to the floor of bare system calls (time)',
    cause: costOfALock,
    ...atMost(2),
    of: (run) => run.ratio('locks.uncontended.disk', 'ours', 'floor'),
  },
  {
    text: 'Uncontended external lock in memory, to py-filelock (time)',
    cause: costOfALock,
    ...atMost(1),
    of: (run) => run.ratio('locks.uncontended.external', 'ours', 'filelock'),
  },
  {
    text: 'Uncontended external lock in memory, to fasteners (time)',
    cause: costOfALock,
    ...atMost(0.4),
    of: (run) => run.ratio('locks.uncontended.external', 'ours', 'fasteners'),
  },
  ...['ours fair', 'ours shared', 'ours permits'].map((subject) => ({
    text: `Uncontended, ${subject.slice('ours '.length)}, in memory, to the reader of fasteners (time)`,
    cause: costOfALock,
    ...atMost(1),
    of: (run) => run.ratio('locks.uncontended.external', subject, 'fasteners reader'),
  })),
  {
    text: '100 tasks of one process that wait for one external lock: a grant (us)',
    cause:
      'Two thirds of it are the record that names the holder, written at the grant and cleared at the release, the look ' +
      'whether the lock file was removed, and reading whether the last holder died. The rest is what a wait costs.',
    ...atMost(5),
    of: (run) => run.value('locks.waiters', 'ours', { waiters: 100 }),
  },
  {
    text: '8 processes that hold for no time: grants a second, to oslo.concurrency',
    cause: costOfTurns,
    ...atLeast(2),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', { processes: 8, holdMs: 0 }),
  },
  {
    text: '8 processes that hold for no time: the longest wait (ms)',
    cause: costOfTurns,
    ...atMost(50),
    of: (run) => run.value('locks.contended.longest', 'ours', { processes: 8, holdMs: 0 }),
  },
  {
    text: '8 processes that hold for no time: fewest to most grants',
    cause: costOfTurns,
    ...atLeast(0.6),
    of: (run) => run.value('locks.contended.share', 'ours', { processes: 8, holdMs: 0 }),
  },
  {
    text: '32 processes that hold for no time: grants a second, to oslo.concurrency',
    cause: costOfTurns,
    ...atLeast(1.5),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', { processes: 32, holdMs: 0 }),
  },
  {
    text: '8 processes that hold 1 ms: grants a second, to oslo.concurrency',
    cause: costOfTurns,
    ...atLeast(1),
    of: (run) => run.ratio('locks.contended.grants', 'ours', 'oslo', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: the longest wait (ms)',
    cause: costOfTurns,
    ...atMost(80),
    of: (run) => run.value('locks.contended.longest', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: fewest to most grants',
    cause: costOfTurns,
    ...atLeast(0.9),
    of: (run) => run.value('locks.contended.share', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms: wakes of a process, to each grant of another',
    cause: costOfTurns,
    ...atMost(0.1),
    of: (run) => run.value('locks.contended.wakes', 'ours', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: grants a second, to oslo.concurrency',
    cause:
      `Every grant goes to another process. ${costOfWaking} Meanwhile nobody holds the lock. oslo.concurrency loses no ` +
      'time there, because whoever releases takes the lock again at once while the others go without (see the fewest to ' +
      'most grants).',
    ...atLeast(0.87),
    of: (run) => run.ratio('locks.contended.grants', 'ours fair', 'oslo', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: the longest wait (ms)',
    cause:
      'A turn of the whole line is eight holds and eight hand-overs, about 14 ms when the machine is otherwise idle. Whoever ' +
      'is in line must get a processor when it is called; each time another program has it, all behind wait too. 19 ms was ' +
      'seen while the load was 4.',
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
      'proper-lockfile makes a folder and removes it. The lockfile driver also writes a record that names the holder, looks ' +
      'whether the last holder died and whether the lock path is its own, and checks the rights of what it makes.',
    ...atMost(3),
    of: (run) => run.ratio('locks.uncontended.external', 'ours lockfile', 'proper-lockfile'),
  },
  ...[8, 32].map((processes) => ({
    text: `${processes} processes that hold 1 ms, lockfile driver: grants a second, to proper-lockfile`,
    cause:
      'A release wakes the first in the queue, and that one often gets the lock; meanwhile nobody holds it. With ' +
      'proper-lockfile the process that releases mostly takes the lock again at once, and others go without (see the ' +
      'fewest to most grants).',
    ...atLeast(0.95),
    of: (run) => run.ratio('locks.contended.grants', 'ours lockfile', 'proper-lockfile', { processes, holdMs: 1 }),
  })),
  {
    text: 'Take-over after SIGKILL, p50 (ms)',
    cause: takeOverCause,
    ...atMost(50),
    of: (run) => run.quantile('locks.takeover', 'ours', 0.5),
  },
  {
    text: 'Take-over after SIGKILL, p99 (ms)',
    cause: takeOverCause,
    ...atMost(100),
    of: (run) => run.quantile('locks.takeover', 'ours', 0.99),
  },
  {
    text: 'Hand-over to a process that waits, p50 (ms)',
    cause:
      `${costOfWaking} A busy machine adds its own delay. A bare lock and a watched file, without order, record or look at ` +
      'the file, take most of that too on the same machine: see the floor at the figures.',
    ...atMost(0.5),
    of: (run) => run.quantile('locks.handover', 'ours', 0.5),
  },
  {
    text: 'Hand-over between two processes and nobody else there, p50 (ms)',
    cause: `${costOfWaking} See the bare wake at the figures.`,
    ...atMost(0.5),
    of: (run) => run.quantile('locks.handover.alone', 'ours', 0.5),
  },
  {
    text: 'The same, to a bare wake by `fs.watch` in the same run (time)',
    cause: costOfWaking,
    ...atMost(2),
    of: (run) => run.medians('locks.handover.alone', 'ours', 'wake'),
  },
  {
    text: 'Internal lock, to the fastest JavaScript peer (times faster)',
    cause:
      'The fastest, async-lock, is a queue and nothing else, and without the check for deadlocks ours is faster than it ' +
      '(see "undetected"). To know which task holds what, so that a deadlock is an error at once (G12), takes ' +
      'AsyncLocalStorage, which has to be entered before the body runs, as nothing tells whether it will go on later. ' +
      'That is most of what is left: a record, the entering, and, where Node keeps the context by hooks, as 20 does, ' +
      'two to three times the cost of each promise of the process, of which a grant at once makes one.',
    ...atLeast(1.5),
    of: (run) => run.fastest('locks.uncontended.internal', 'ours internal', ['async-mutex', 'async-lock', 'p-limit']),
  },
  ...[
    ['core', 3],
    ['lockutils', 10],
    ['processutils', 10],
  ].map(([subject, target]) => ({
    text: `Import ${subject} after what it needs, on a machine that starts Node in 40 ms (ms)`,
    cause: 'Modules of Node that the import loads cost as ours do, and they are most of what core takes.',
    ...atMost(target),
    of: (run) => run.value('imports.cost', subject),
  })),
  {
    text: '500 waiters for a lock held elsewhere (% of a core)',
    cause:
      'The one of them that asks for all looks 20 times a second, and what it costs to wake up for that differs by a third ' +
      'from one run to the next on one machine.',
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
    ...atMost(500),
    of: (run) => run.value('processes.kill.many.cpu', 'ours execute', { commands: 200 }),
  },
  {
    text: 'Capture 200 MB, to child_process.spawn (time)',
    ...atMost(1),
    of: (run) => run.ratio('processes.output', 'ours execute', 'spawn', { bytes: 200_000_000 }),
  },
];

/** Each goal with its value in this run, and whether it was `reached`, `missed` or not `measured`. */
export function judge(figures) {
  const run = reader(figures);
  return goals.map(({ text, relation, target, reached, cause, of }) => {
    const value = of(run);
    const verdict = value === undefined ? 'not measured' : reached(value.median) ? 'reached' : 'missed';
    return { text, relation, target, verdict, ...value, ...(verdict === 'missed' ? { cause } : {}) };
  });
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
    quantile(id, subject, part) {
      const found = samples(id, subject);
      if (found === undefined) return undefined;
      const { low, high, count } = summary(found);
      return part === 0.5 ? { median: median(found), low, high, count } : { median: quantile(found, part), count };
    },
    fastest(id, subject, peers) {
      const own = samples(id, subject);
      const others = peers.map((peer) => samples(id, peer)).filter((found) => found !== undefined);
      if (own === undefined || others.length === 0) return undefined;
      const best = others.reduce((a, b) => (median(b) < median(a) ? b : a));
      return ratio(best, own);
    },
  };
}

function sameParameters(own, asked) {
  return JSON.stringify(own ?? {}) === JSON.stringify(asked ?? {});
}
