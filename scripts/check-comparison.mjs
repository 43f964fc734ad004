// docs/comparison.md compares us with others. A cell that claims something names what says so: a test of ours, by file and title, or a
// document of the other's. Without that, a renamed test or a changed mind would leave a claim that nothing holds up.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

const page = 'docs/comparison.md';
const lines = readFileSync(join(root, page), 'utf8').split('\n');
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
for (const complaint of complaints) console.log(`${page}: ${complaint}`);
process.exitCode = complaints.length === 0 ? 0 : 1;
