import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findRow } from './compare.mjs';
import { judge } from './goals.mjs';
import { labelOf, shown } from './labels.mjs';
import { drawPlots } from './plots.mjs';
import { quantile, ratio, summary } from './statistics.mjs';

/** Writes `performance.md` and its plots into `folder`, from one run and from nothing else. */
export async function writeDocument(result, folder) {
  const plots = await drawPlots(result.figures);
  mkdirSync(join(folder, 'plots'), { recursive: true });
  for (const { name, svg } of plots) writeFileSync(join(folder, 'plots', `${name}.svg`), svg);
  writeFileSync(join(folder, 'performance.md'), `${text(result, plots).trimEnd()}\n`);
}

function text(result, plots) {
  // Again, since the causes may have been found after the run.
  const goals = judge(result.figures);
  return [
    '# Performance',
    '<!-- Written by `npm run bench`; what is changed here by hand is lost at the next run. -->',
    introduction(result),
    '## Goals',
    goalsOf(goals),
    ...missedOf(goals),
    '## Figures',
    howToRead,
    ...result.figures.flatMap((figure) => sectionOf(figure, plots)),
    '## What was compared',
    versionsOf(result),
    ...gapsOf(result.missing),
    ...unsteadyOf(result.unsteady ?? []),
  ].join('\n\n');
}

function introduction({ date, commit, changed, machine, seconds, versions }) {
  const state = changed ? `${commit.slice(0, 12)} with changes not committed` : commit.slice(0, 12);
  return `Measured on ${date.slice(0, 10)} at ${date.slice(11, 16)} UTC, commit ${state}, in one run of ${seconds} s:
${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB, ${machine.system}, lock files on ${machine.fileSystem} unless said otherwise, Node ${versions.node}, Python ${versions.python}.
The load of the last minute was ${machine.loadBefore} before and ${machine.loadAfter} after. Above ${machine.cores}, other programs were using the machine too.
Repeat it with \`npm run bench\`; \`npm run bench -- --help\` explains its options.`;
}

const howToRead = `Each round measures every subject once, in an order that changes from round to round. A figure is the median over the
rounds. Beside it is the middle half of the rounds. A ratio is taken within each round, where both subjects met the same
conditions; the table shows the median ratio. A subject is measured until its median is known to within 4 %, or 10 % where
many processes contend or a sample takes seconds. So the numbers of samples differ. Ratios carry over to another machine better than figures do.

What is told of locks is told of warm processes, in steady state: V8 compiles what runs often, so a program in JavaScript
gets faster by use. Before each subject is measured, it locks until it gets no faster by a tenth, alone and, where processes
contend, together with others. Nothing of that is recorded, and it is the same for the peers. What a program sees that has
just started is a figure of its own: the grants in the first seconds after the first lock.

Processes are real ones, in Node and in Python. In-process figures are taken by tinybench, as the median of batches. A hold
stops the thread in both languages, because a timer of the event loop would hold for too long. Figures on a disk depend on
what other programs write to it, most of all where directories are made.

The floor of a lock is \`open\`, \`fcntl(F_OFD_SETLK)\` and \`close\`. The floor of a hand-over is these calls, and a file that
the waiter watches by \`fs.watch\`. The floor of a command is \`child_process.spawn\`. A bare wake is the watched file alone,
without a lock: it shows how fast a machine is at the main part of a hand-over. On the machine for which the goal of 0.5 ms
was set, it took 56 us.`;

function goalsOf(goals) {
  const rows = goals.map(({ text: goal, relation, target, median, low, high, verdict }) => {
    const spread = low === undefined ? '' : ` (${shown(low)} to ${shown(high)})`;
    const measured = median === undefined ? '' : `${shown(median)}${spread}`;
    return `| ${goal} | ${relation} ${target} | ${measured} | ${verdict === 'missed' ? '**missed**' : verdict} |`;
  });
  return ['| goal | wanted | measured | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function missedOf(goals) {
  const missed = goals.filter(({ verdict }) => verdict === 'missed');
  if (missed.length === 0) return [];
  // Goals that are missed for one reason are listed together, and so are the tables that show it, each where it comes first.
  const byCause = new Map();
  const shownBefore = new Set();
  for (const { text: goal, cause = 'The cause is not known yet.', profiles } of missed) {
    const item = byCause.get(cause) ?? { names: [], tables: [], isAbove: false };
    item.names.push(`**${goal}**`);
    for (const table of profiles) {
      if (!shownBefore.has(table)) item.tables.push(table);
      else if (!item.tables.includes(table)) item.isAbove = true;
      shownBefore.add(table);
    }
    byCause.set(cause, item);
  }
  const items = [...byCause].map(([cause, { names, tables, isAbove }]) => {
    const why = isAbove ? `${cause} A table above shows it.` : cause;
    const text = names.length === 1 ? `- ${names[0]}: ${why}` : `- ${why} Missed for this reason:\n${listOf(names)}`;
    return [text, ...tables.map((table) => table.replaceAll(/^/gm, '  '))].join('\n\n');
  });
  return ['## Why goals are missed', profileNote, items.join('\n')];
}

const listOf = (names) => names.map((name) => `  - ${name}`).join('\n');

const profileNote = `The tables under the causes are profiles, taken anew in each run: of a lock, by repeating its system calls bare; of a
hand-over, by noting in both processes when each system call began and ended; of a contended lock, by noting when each hold
began and ended.`;

function sectionOf(figure, plots) {
  const plot = plots.find(({ id }) => id === figure.id);
  const note = [figure.better && `${figure.better} is better`, figure.unit].filter(Boolean).join(', ');
  const picture = plot === undefined ? [] : [`![${plot.title}](plots/${plot.name}.svg)`];
  return [`### ${figure.title}`, ...picture, tableOf(figure, note)];
}

function tableOf(figure, note) {
  const relative = figure.reference === undefined ? '' : `to ${figure.reference}`;
  const rows = figure.rows.map((row) => {
    const { median, low, high, count } = summary(row.samples);
    const reference = figure.reference && findRow(figure, figure.reference, row.with);
    const found = reference && ratio(row.samples, reference.samples);
    const spread = [`${shown(low)} to ${shown(high)}`, shown(quantile(row.samples, 0.99)), count];
    const cells = [labelOf(row), shown(median), ...spread];
    return `| ${cells.join(' | ')} | ${found === undefined ? '' : shown(found.median)} |`;
  });
  return [
    `| ${note} | median | middle half | p99 | samples | ${relative} |`,
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}

function versionsOf({ versions }) {
  const rows = Object.entries(versions).map(([name, version]) => `| ${name} | ${version} |`);
  return ['| what | version |', '| --- | --- |', ...rows].join('\n');
}

function gapsOf(missing) {
  if (missing.length === 0) return [];
  const lines = missing.map(({ subject, from, reason }) => `- ${subject} (${from}): ${reason}`);
  return ['Missing in this run:', lines.join('\n')];
}

function unsteadyOf(unsteady) {
  if (unsteady.length === 0) return [];
  const lines = unsteady.map((row) => `- ${row.id}: ${labelOf(row)}`);
  return ['Still becoming faster when its rounds began, as the warm-up is bounded:', lines.join('\n')];
}
