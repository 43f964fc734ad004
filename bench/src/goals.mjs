import { median, quantile, ratio, summary } from './statistics.mjs';

const atMost = (target) => ({ relation: 'at most', target, reached: (value) => value <= target });
const atLeast = (target) => ({ relation: 'at least', target, reached: (value) => value >= target });
const goalCell = { processes: 8, holdMs: 1 };

// Found by leaving out one call at a time, through the driver's own extension point for faults.
const costOfALock =
  'A lock was taken apart when it cost 11.4 us. The three system calls of the floor took 4.0 us. The record that names the ' +
  'holder took 3.5: it is written at the grant and cleared at the release. The check whether the file was removed took 2.7, ' +
  'and reading whether the last holder died 0.8. The rest is JavaScript. Each of these parts carries a guarantee (G15, G18, G19).';
const costOfWaking =
  'The next waiter sleeps. Waking it by inotify takes 140 us. Its code has left the caches of the processor by then, or is ' +
  'not compiled yet. So each of its calls costs 5 to 20 times as much for a moment, which adds up to 300 us.';

const costOfTurns =
  'A process keeps a contended lock for some milliseconds. Then the first waiter is granted it. oslo.concurrency hands ' +
  `nothing over, and starves some processes (see the fewest to most grants). ${costOfWaking} With more processes than ` +
  'processors, the next waiter also waits for a processor. V8 compiles what runs often: of 8 processes that share a lock, ' +
  'each needs some seconds until its code is compiled. In a run of 8 seconds, the processes were granted the lock 2,300 ' +
  'times in the first second and 16,400 times in the last one.';

const takeOverCause =
  'The kernel reports to no process that a death freed a lock, so waiters look every 50 ms. On a busy machine, the killed ' +
  'process ends late, and the waiters look late.';

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
    cause: 'proper-lockfile makes and removes a directory. The cost of that depends on the disk.',
    ...atLeast(20),
    of: (run) => run.ratio('locks.uncontended.disk', 'proper-lockfile', 'ours'),
  },
  {
    text: 'Uncontended external lock in memory, to proper-lockfile (times faster)',
    cause:
      'proper-lockfile makes and removes a directory. That takes hundreds of microseconds on a disk, and about seventy in memory.',
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
      'Three things take two thirds of it: the record that names the holder, the check whether the lock file was removed, ' +
      'and reading whether the last holder died. The rest is the cost of a wait.',
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
      `Every grant goes to another process. ${costOfWaking} Meanwhile no process holds the lock. oslo.concurrency loses no ` +
      'time there: the process that releases the lock acquires it again at once, and the others go without (see the fewest ' +
      'to most grants).',
    ...atLeast(0.87),
    of: (run) => run.ratio('locks.contended.grants', 'ours fair', 'oslo', goalCell),
  },
  {
    text: '8 processes that hold 1 ms, fair: the longest wait (ms)',
    cause:
      'A turn of the whole queue is eight holds and eight hand-overs. It takes about 14 ms on an idle machine. A waiter needs ' +
      'a processor when its turn comes. If another program has the processor, all waiters behind it wait too. A turn took ' +
      '19 ms while the load was 4.',
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
    cause:
      'A release wakes the first waiter, which then often acquires the lock. Meanwhile no process holds it. With ' +
      'proper-lockfile, the process that releases the lock mostly acquires it again at once, and the others go without ' +
      '(see the fewest to most grants).',
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
      `${costOfWaking} A busy machine adds its own delay. Most of this time is also in the floor: a bare lock and a watched ` +
      'file, without order, record or check.',
    ...atMost(0.5),
    of: (run) => run.quantile('locks.handover', 'ours', 0.5),
  },
  {
    text: 'Hand-over between two processes and nobody else there, p50 (ms)',
    cause: `${costOfWaking} The figures show a bare wake beside it.`,
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
      'The fastest peer, async-lock, is a queue and nothing else. Without the check for deadlocks, ours is faster than it ' +
      '(see "undetected"). For that check (G12), the lock must know which task holds what. It learns this by ' +
      'AsyncLocalStorage, which it enters before the body runs. Most of the cost is this: a record, and the change of the ' +
      'context. On Node 20, which keeps the context by hooks, each promise of the process costs two to three times as much, ' +
      'and a grant makes one.',
    ...atLeast(1.5),
    of: (run) => run.fastest('locks.uncontended.internal', 'ours internal', ['async-mutex', 'async-lock', 'p-limit']),
  },
  ...[24, 26].map((node) => ({
    text: `Internal lock on Node ${node}, to the fastest JavaScript peer (times faster)`,
    cause:
      'These Nodes keep the async context without hooks, but to enter one copies a map. Each lock with a body enters one, so ' +
      'that a deadlock is an error at once (G12). "undetected" is what a lock costs without it.',
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
    cause:
      'One waiter looks for all of them, 20 times a second. What a wake-up costs differs by a third between runs on one machine.',
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
