import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endContestants } from './contestant.mjs';
import { judge } from './goals.mjs';
import { commit, load, machine, versions } from './machine.mjs';
import { openProgress } from './progress.mjs';

/** Runs the benchmarks one after the other; all they found, where and when, and which goals that reaches. */
export async function measure(wanted, quick) {
  const [work, disk] = [inMemory(), tmpdir()].map((folder) => mkdtempSync(join(folder, 'oslo-concurrency-bench-')));
  const start = new Date();
  const result = {
    schema: 1,
    date: start.toISOString(),
    ...commit(),
    quick,
    machine: { ...machine(work, disk), loadBefore: load() },
    versions: versions(),
    missing: [],
    unsteady: [],
    spent: [],
    figures: [],
  };
  const cleanUp = async () => {
    await endContestants();
    for (const folder of [work, disk]) rmSync(folder, { recursive: true, force: true });
  };
  const stop = (signal) => cleanUp().finally(() => process.exit(128 + constants.signals[signal]));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.once(signal, stop);
  try {
    await run(wanted, quick, { work, disk }, result);
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
    await cleanUp();
  }
  result.seconds = Math.round((Date.now() - start.getTime()) / 1000);
  result.machine.loadAfter = load();
  result.goals = judge(result.figures);
  return result;
}

async function run(wanted, quick, folders, result) {
  const seconds = wanted.map((bench) => bench.seconds[quick ? 'quick' : 'full']);
  const progress = openProgress(seconds.reduce((a, b) => a + b, 0));
  let before = 0;
  try {
    for (const [index, bench] of wanted.entries()) {
      const expected = seconds[index];
      progress.at(before, bench.id);
      const start = performance.now();
      await bench.run(contextOf(quick, folders, result, (part) => progress.at(before + part * expected, bench.id)));
      result.spent.push({ id: bench.id, seconds: Math.round((performance.now() - start) / 1000) });
      before += expected;
    }
  } finally {
    progress.close();
  }
}

/** What a benchmark is given: where it may write, how it tells what it found and how far it is. */
function contextOf(quick, { work, disk }, result, progress) {
  return {
    quick,
    progress,
    folder: (subject) => folderIn(work, subject),
    diskFolder: (subject) => folderIn(disk, subject),
    record: (figure) => result.figures.push(figure),
    unsteady: (what) => result.unsteady.push(what),
    missing(gap) {
      if (!result.missing.some(({ subject }) => subject === gap.subject)) result.missing.push(gap);
    },
  };
}

// Locks are written to, and what others write to a disk meanwhile would be measured with them.
function inMemory() {
  return process.env.TMPDIR === undefined && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

function folderIn(parent, subject) {
  const folder = join(parent, subject.replaceAll(/\W+/g, '-'));
  mkdirSync(folder, { recursive: true });
  return folder;
}
