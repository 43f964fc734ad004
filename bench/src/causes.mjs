import { shown } from './labels.mjs';
import { contendedTable, handOverTable, partsTable } from './profiles.mjs';

// Why goals are missed. A cause is a text, or a function that writes it with figures of the run of which the goal was
// judged; `profile` makes the table or tables that stand beside it, from the same run. No figure of another run stands here.

/** A value of the run as text; `?` where a run of some benchmarks, or an older one, does not have it. */
const said = (found) => (found === undefined ? '?' : shown(found.median ?? found));

/** Of an external lock that nobody else wants. */
export const costOfALock = (subject) => ({
  cause:
    'The system calls lock the file, compare it with the file that its name leads to, read whether the last holder died ' +
    'and who waits, and write and clear the record that names the holder. With `fair`, `shared` and `permits`, they also ' +
    'lock bytes of the queue and of the seats. Each carries a guarantee (G10, G11, G15, G18, G19, G27). The floor, ' +
    'py-filelock and fasteners do little more than open, lock, unlock and close.',
  profile: (run) => partsTable(run, { subject }),
});

const twentyTimes = 20;

/** Of a lock that cannot be twenty times faster than proper-lockfile, since that is too fast on this file system. */
export const twentieth = (id) => ({
  cause(run) {
    const proper = run.value(id, 'proper-lockfile');
    return (
      `proper-lockfile makes a directory and removes it. That took ${said(proper)} us, of which a twentieth is ` +
      `${said(proper && proper.median / twentyTimes)} us. The bare system calls of the floor took ` +
      `${said(run.value(id, 'floor'))} us.`
    );
  },
  profile: (run) => partsTable(run, { subject: 'ours' }),
});

/** Of many tasks of one process that wait for one lock. */
export const costOfTheLine = {
  cause:
    'The tasks pass the lock on without an unlock, and with the record that names the holder, as long as it stays the same. ' +
    'Each release still checks whether the lock file was removed (G15). The rest is the cost of a wait: a place in the ' +
    'queue of the process, and promises.',
  profile: (run) => partsTable(run, { subject: 'ours', waiters: 100 }),
};

/** Of processes that want one lock, in the default mode. */
export const costOfTurns = (cell) => ({
  cause:
    'A process keeps a contended lock for some milliseconds. Then the first waiter is granted it, and nobody holds the lock ' +
    'during the hand-over. With more processes than processors, the next waiter also waits for a processor. ' +
    'oslo.concurrency hands nothing over: whichever process finds the lock free acquires it, and some processes starve (see ' +
    'the fewest to most grants).',
  profile: (run) => contendedTable(run, cell, ['ours', 'oslo']),
});

/** Of the fewest to the most grants of processes that take turns. */
export const wholeTurns = (cell) => ({
  cause(run) {
    const changes = run.value('locks.contended.changes', 'ours', { ...cell, part: 'to another process' });
    const each = changes && changes.median / cell.processes;
    return (
      `A process is granted the lock several times in each turn, and had ${said(each)} turns in the second that a sample ` +
      `lasts. So a process with one turn more than another one has ${said(each && 100 / each)} % more grants.`
    );
  },
  profile: (run) => contendedTable(run, cell, ['ours', 'oslo']),
});

/** Of a hand-over. */
export const costOfWaking = { cause: wakingIn, profile: handOverTable };

function wakingIn(run) {
  const inLoop = run.value('locks.parts.us', 'ours', { part: 'pwrite' });
  const calls = run.value('locks.parts.calls', 'ours', { part: 'pwrite' });
  const slept = run.value('locks.handover.parts', 'ours', { part: 'a pwrite' });
  const sleeps = 'The next waiter sleeps until the holder touches a file.';
  if (inLoop === undefined || slept === undefined) return sleeps;
  return (
    `${sleeps} A process that has slept finds little of its code and data in the caches of the processor: a \`pwrite\` ` +
    `takes ${said(slept)} us in a hand-over, and ${said(inLoop.median / calls.median)} us in a loop.`
  );
}

/** Of a hand-over while the processes of other subjects are there. */
export const handOverInCompany = {
  cause: (run) =>
    `${wakingIn(run)} Here the processes of other subjects run in between. The floor is a bare lock and a watched file, ` +
    `without order, record or check: it took ${said(run.value('locks.handover', 'floor'))} ms.`,
  profile: handOverTable,
};

/** Of fair processes, each grant of which is a hand-over. */
export const handOverEach = (cell) => ({
  cause: (run) =>
    `Every grant goes to another process, and nobody holds the lock during a hand-over. ${wakingIn(run)} oslo.concurrency ` +
    'loses no time there: the process that releases the lock acquires it again at once, and the others go without (see the ' +
    'fewest to most grants).',
  profile: (run) => [contendedTable(run, cell, ['ours fair', 'oslo']), handOverTable(run)],
});

/** Of the longest wait of fair processes. */
export const fairTurn = (cell) => ({
  cause(run) {
    const grants = run.value('locks.contended.grants', 'ours fair', cell);
    const turn = grants && (1000 / grants.median) * cell.processes;
    return (
      `A turn of the whole queue is a hold and a hand-over of each process, ${said(turn)} ms in all. A waiter needs a ` +
      'processor when its turn comes. If another program has the processor, all waiters behind it wait too.'
    );
  },
  profile: (run) => contendedTable(run, cell, ['ours fair']),
});

/** Of processes that want one lock of the lockfile driver. */
export const costOfTheLockfile = (cell) => ({
  cause:
    'The lock is free for longer between two holds, whichever process holds it next. The lockfile driver also writes a ' +
    'record that names the holder, checks whether the last holder died and the access rights of what it makes, and wakes ' +
    'the first waiter at a release. With proper-lockfile, waiters poll, and some go without (see the fewest to most grants).',
  profile: (run) => contendedTable(run, cell, ['ours lockfile', 'proper-lockfile']),
});

/** Of the take-over from a holder that was killed. */
export const takeOverCause = {
  cause:
    'The kernel reports to no process that a death freed a lock, so waiters look every 50 ms. On a busy machine, the killed ' +
    'process ends late, and the waiters look late.',
};

/** Of an internal lock. */
export const costOfTheCheck = (id, parameters) => ({
  cause(run) {
    const us = (subject) => said(run.value(id, subject, parameters));
    return (
      'The fastest peer is a queue and nothing else. Ours also finds deadlocks (G12), for which it must know which task ' +
      'holds what: it enters an AsyncLocalStorage before the body runs. To enter one around an empty body, without a lock, ' +
      `took ${us('context')} us (see "context"). Ours took ${us('ours internal')} us, and ` +
      `${us('ours internal undetected')} us without the check (see "undetected").`
    );
  },
});

/** Of tasks that wait for a lock held elsewhere. */
export const costOfWatching = {
  cause: (run) =>
    'One waiter looks for all of them, 20 times a second. A bare timer that tries a lock as often took ' +
    `${said(run.value('locks.idle.core', 'poll', { waiters: 500 }))} % (see "poll").`,
};

/** Of commands that are aborted in one moment. */
export const costOfManyEnds = {
  cause: (run) =>
    'Node reports the end of each command and of its pipes, and `execute` looks whether the process group is empty. ' +
    `execa, on which it is built, took ${said(run.value('processes.kill.many.cpu', 'execa', { commands: 200 }))} ms for ` +
    'the same commands, and looks at no group.',
};
