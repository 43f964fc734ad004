// `npm run bench`: every benchmark in one run; see `--help`.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endContestants } from './contestant.mjs';
import { judge } from './goals.mjs';
import { imports } from './imports.mjs';
import { command } from './locks/command.mjs';
import { contended } from './locks/contended.mjs';
import { handover } from './locks/handover.mjs';
import { idle } from './locks/idle.mjs';
import { names } from './locks/names.mjs';
import { takeover } from './locks/takeover.mjs';
import { uncontended } from './locks/uncontended.mjs';
import { waiters } from './locks/waiters.mjs';
import { commit, load, machine, versions } from './machine.mjs';
import { chosen, readOptions, usage } from './options.mjs';
import { commands } from './processes/commands.mjs';
import { killTree } from './processes/kill-tree.mjs';
import { output, streamed } from './processes/output.mjs';
import { openProgress } from './progress.mjs';
import { figureTable, goalTable } from './table.mjs';

const benches = [
  uncontended,
  contended,
  handover,
  takeover,
  waiters,
  idle,
  names,
  command,
  commands,
  output,
  streamed,
  killTree,
  imports,
];

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(usage);
  const work = mkdtempSync(join(tmpdir(), 'oslo-concurrency-bench-'));
  const start = new Date();
  const result = {
    schema: 1,
    date: start.toISOString(),
    ...commit(),
    quick: options.quick,
    machine: { ...machine(work), loadBefore: load() },
    versions: versions(),
    missing: [],
    figures: [],
  };
  try {
    await run(chosen(benches, options.only), options.quick, work, result);
  } finally {
    await endContestants();
    rmSync(work, { recursive: true, force: true });
  }
  result.seconds = Math.round((Date.now() - start.getTime()) / 1000);
  result.machine.loadAfter = load();
  result.goals = judge(result.figures);
  for (const figure of result.figures) console.log(`\n${figureTable(figure)}`);
  console.log(`\n${goalTable(result.goals)}`);
  for (const { subject, from, reason } of result.missing) console.log(`missing: ${subject} (${from}): ${reason}`);
  const file = options.output ?? defaultFile(result);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
  console.log(
    `\n${result.seconds} s, load ${result.machine.loadBefore} before and ${result.machine.loadAfter} after: ${file}`,
  );
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

function defaultFile({ date, quick }) {
  const results = fileURLToPath(new URL('../results/', import.meta.url));
  return join(results, `${date.slice(0, 19).replaceAll(':', '')}${quick ? '-quick' : ''}.json`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
