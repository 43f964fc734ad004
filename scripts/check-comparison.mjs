// docs/comparison.md compares us with others, and docs/choosing.md the engines with each other. A cell that claims something
// names what says so: a test of ours, by file and title, or a document of the other's. Without that, a renamed test or a
// changed mind would leave a claim that nothing holds up.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

/** The pages, and the heading above the table and below it the evidence, if the page has other tables. */
const pages = [{ page: 'docs/comparison.md' }, { page: 'docs/choosing.md', heading: '## What each engine promises' }];
const complaints = pages.flatMap(({ page, heading }) =>
  check(page, heading).map((complaint) => `${page}: ${complaint}`),
);

function check(page, heading) {
  const all = readFileSync(join(root, page), 'utf8').split('\n');
  const begin = heading === undefined ? 0 : all.indexOf(heading) + 1;
  if (heading !== undefined && begin === 0) return [`there is no "${heading}"`];
  const rest = all.slice(begin);
  const end = heading === undefined ? -1 : rest.findIndex((line) => line.startsWith('## '));
  const lines = end === -1 ? rest : rest.slice(0, end);
  const sources = new Map(
    lines.flatMap((line) => {
      const found = /^- \[(\w+)\] \[[^\]]+\]\(([^)]+)\)(?: "(.*)")?/.exec(line);
      return found === null ? [] : [[found[1], { where: found[2], title: found[3] }]];
    }),
  );
  const rows = lines.filter((line) => line.startsWith('| ') && !/^\| (---)? ?\|/.test(line));
  const complaints = rows.length > 0 ? [] : ['there is no table'];

  const used = new Set();
  for (const row of rows) {
    const [promise, ...cells] = row.slice(2, -2).split(' | ');
    for (const cell of cells.filter((text) => text !== '-')) {
      const marks = [...cell.matchAll(/\[(\w+)\]/g)].map(([, mark]) => mark);
      if (marks.length === 0) complaints.push(`"${promise}": nothing says "${cell}"`);
      for (const mark of marks) {
        used.add(mark);
        if (!sources.has(mark)) complaints.push(`"${promise}": there is no source [${mark}]`);
      }
    }
  }
  for (const [mark, { where, title }] of sources) {
    if (!used.has(mark)) complaints.push(`[${mark}] is named by no cell`);
    if (where.startsWith('https://')) continue;
    const file = join(root, 'docs', where);
    if (!existsSync(file)) complaints.push(`[${mark}]: there is no ${where}`);
    else if (title === undefined || !readFileSync(file, 'utf8').includes(title)) {
      complaints.push(`[${mark}]: ${where} has no test "${title ?? ''}"`);
    }
  }
  return complaints;
}

for (const complaint of complaints) console.log(complaint);
process.exitCode = complaints.length === 0 ? 0 : 1;
