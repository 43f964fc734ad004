import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { endContestants } from './contestant.mjs';
import { judge } from './goals.mjs';
import { commit, load, machine, versions } from './machine.mjs';
import { openProgress } from './progress.mjs';

/** Runs the benchmarks one after the other; all they found, where and when, and which goals that reaches. */
export async function measure(wanted, quick) {
  const work = mkdtempSync(join(tmpdir(), 'oslo-concurrency-bench-'));
  const start = new Date();
  const result = {
    schema: 1,
    date: start.toISOString(),
    ...commit(),
    quick,
    machine: { ...machine(work), loadBefore: load() },
    versions: versions(),
    missing: [],
    figures: [],
  };
  const cleanUp = async () => {
    await endContestants();
    rmSync(work, { recursive: true, force: true });
  };
  const stop = (signal) => cleanUp().finally(() => process.exit(128 + constants.signals[signal]));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.once(signal, stop);
  try {
    await run(wanted, quick, work, result);
  } finally {
    for (const signal of signals) process.removeListener(signal, stop);
    await cleanUp();
  }
  result.seconds = Math.round((Date.now() - start.getTime()) / 1000);
  result.machine.loadAfter = load();
  result.goals = judge(result.figures);
  return result;
}

async function run(wanted, quick, work, result) {
  const seconds = wanted.map((bench) => bench.seconds[quick ? 'quick' : 'full']);
  const progress = openProgress(seconds.reduce((a, b) => a + b, 0));
  let before = 0;
  try {
    for (const [index, bench] of wanted.entries()) {
      const expected = seconds[index];
      progress.at(before, bench.id);
      await bench.run(contextOf(quick, work, result, (part) => progress.at(before + part * expected, bench.id)));
      before += expected;
    }
  } finally {
    progress.close();
  }
}

/** What a benchmark is given: where it may write, how it tells what it found and how far it is. */
function contextOf(quick, work, result, progress) {
  return {
    quick,
    progress,
    folder(subject) {
      const folder = join(work, subject.replaceAll(/\W+/g, '-'));
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    record: (figure) => result.figures.push(figure),
    missing(gap) {
      if (!result.missing.some(({ subject }) => subject === gap.subject)) result.missing.push(gap);
    },
  };
}
