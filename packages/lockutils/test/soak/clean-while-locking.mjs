// G15: processes lock random names of one lock path while cleaners remove the files of all that is unused.
//
//   node test/soak/clean-while-locking.mjs --processes 50 --names 1000 --seconds 60
//
// Prints what was found as JSON and exits with 1 when anything was wrong. `cleaner` and `locks` choose a broken one in
// place of ours; these must be found out.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanLocks, listLocks } from '@oslo-concurrency/lockutils';

/** How a cleaner works: ours, or one that removes without holding what it removes. */
const cleaners = {
  ours: (lockPath) => cleanLocks({ lockPath }),
  'without holding': async (lockPath) => {
    for (const name of filesIn(lockPath)) {
      try {
        unlinkSync(join(lockPath, name));
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
    }
    await new Promise(setImmediate);
    return { removed: [], kept: [] };
  },
};

/**
 * Runs `processes` that lock, and now and then clean too, and one process that only cleans: for `seconds`, or until there
 * were `enough` grants and removals, or until the first overlap when `untilOverlap`; the processes then go on whatever
 * errors they meet. `locks` is `ours`, or `without inode check`: a lock that does not check whether its file is still the
 * one that the name leads to.
 */
export async function cleanWhileLocking({
  processes,
  names,
  seconds,
  seed = Math.floor(Math.random() * 2 ** 31),
  cleaner = 'ours',
  locks = 'ours',
  enough = { grants: Number.POSITIVE_INFINITY, removed: Number.POSITIVE_INFINITY },
  untilOverlap = false,
}) {
  const scratch = mkdtempSync(join(tmpdir(), 'clean-while-locking-'));
  const directory = join(scratch, 'locks');
  const witness = join(scratch, 'witness');
  mkdirSync(directory);
  for (let name = 0; name < names; name += 1) mkdirSync(join(witness, String(name)), { recursive: true });
  const children = [];
  const ended = [];
  try {
    const found = { seed, overlaps: [], errors: [], grants: 0, openDescriptors: 0 };
    let over = false;
    let granted = 0;
    const reports = [];
    for (let child = 0; child < processes; child += 1) {
      const program = fileURLToPath(new URL('./locking-process.mjs', import.meta.url));
      const plan = { directory, witness, names, seed: seed + child, locks, goOn: untilOverlap };
      const started = fork(program, [JSON.stringify(plan)]);
      children.push(started);
      ended.push(once(started, 'exit'));
      reports.push(
        new Promise((resolve) => {
          started.on('message', (message) => {
            if (message.overlap !== undefined) {
              found.overlaps.push(message.overlap);
              over ||= untilOverlap;
            }
            granted += message.granted ?? 0;
            if (message.report !== undefined) resolve(message.report);
          });
          started.on('exit', (code, signal) => resolve({ errors: [`ended early: ${code ?? signal}`] }));
        }),
      );
    }
    await Promise.all(children.map((child) => once(child, 'message')));
    for (const child of children) child.send('go');

    let removed = 0;
    let sweeps = 0;
    let mostFiles = 0;
    let mostHiddenFiles = 0;
    for (const end = performance.now() + seconds * 1000; performance.now() < end && !over; sweeps += 1) {
      removed += (await cleaners[cleaner](directory)).removed.length;
      mostFiles = Math.max(mostFiles, filesIn(directory).length);
      mostHiddenFiles = Math.max(mostHiddenFiles, hiddenFilesIn(directory).length);
      if (granted >= enough.grants && removed >= enough.removed) break;
    }
    // A broken lock may also never be granted again.
    if (over) return found;
    // A process that met too many errors has ended, and its report says so.
    for (const child of children) if (child.connected) child.send('stop');
    const hung = setTimeout(() => {
      for (const child of children) child.kill('SIGKILL');
    }, 60_000);
    for (const report of await Promise.all(reports)) {
      found.grants += report.grants ?? 0;
      found.openDescriptors += report.openDescriptors ?? 0;
      found.errors.push(...report.errors);
    }
    clearTimeout(hung);
    const stillUsed = (await listLocks({ lockPath: directory })).filter(({ state }) => state !== 'free').length;
    await cleanLocks({ lockPath: directory });
    const left = [...filesIn(directory), ...hiddenFilesIn(directory)].length;
    return { ...found, sweeps, removed, mostFiles, mostHiddenFiles, stillUsed, left };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    // One that is not gone yet may still create a file in a directory that is being removed.
    await Promise.all(ended);
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What is wrong in a result; empty when nothing is. */
export function faultsIn(result, { names }) {
  const faults = [];
  const demand = (holds, fault) => {
    if (!holds) faults.push(fault);
  };
  demand(result.overlaps.length === 0, `${result.overlaps.length} overlaps: ${result.overlaps[0]}`);
  demand(result.errors.length === 0, `${result.errors.length} errors: ${result.errors[0]}`);
  demand(result.grants > 0 && result.removed > 0, 'nothing was locked, or nothing was removed');
  demand(result.mostFiles <= names, `${result.mostFiles} lock files for ${names} names`);
  demand(result.mostHiddenFiles <= 2 * names + 1, `${result.mostHiddenFiles} hidden files for ${names} names`);
  demand(result.openDescriptors === 0, `${result.openDescriptors} descriptors left open`);
  demand(result.stillUsed === 0, `${result.stillUsed} locks held by nobody`);
  demand(result.left === 0, `${result.left} files left after the last cleaning`);
  return faults;
}

function filesIn(directory) {
  return readdirSync(directory).filter((name) => !name.startsWith('.oslo-concurrency'));
}

// Queues and seats; the wake files are at most 64.
function hiddenFilesIn(directory) {
  return ['queue', 'seats', 'readers'].flatMap((kind) => {
    try {
      return readdirSync(join(directory, '.oslo-concurrency', kind));
    } catch {
      return [];
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      processes: { type: 'string', default: '50' },
      names: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      cleaner: { type: 'string', default: 'ours' },
      locks: { type: 'string', default: 'ours' },
    },
  });
  const numbers = Object.fromEntries(
    ['processes', 'names', 'seconds', 'seed'].flatMap((key) =>
      values[key] === undefined ? [] : [[key, Number(values[key])]],
    ),
  );
  const result = await cleanWhileLocking({ ...values, ...numbers });
  const faults = faultsIn(result, numbers);
  console.log(JSON.stringify({ ...result, overlaps: result.overlaps.length, faults }, null, 2));
  process.exitCode = faults.length === 0 ? 0 : 1;
}
