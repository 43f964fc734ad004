// `npm run bench`: every benchmark in one run; see `--help`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compare, readResult } from './compare.mjs';
import { writeDocument } from './document.mjs';
import { imports } from './imports.mjs';
import { labelOf } from './labels.mjs';
import { cold } from './locks/cold.mjs';
import { command } from './locks/command.mjs';
import { contended } from './locks/contended.mjs';
import { handover } from './locks/handover.mjs';
import { idle } from './locks/idle.mjs';
import { names } from './locks/names.mjs';
import { nodes } from './locks/nodes.mjs';
import { parts } from './locks/parts.mjs';
import { takeover } from './locks/takeover.mjs';
import { uncontended } from './locks/uncontended.mjs';
import { waiters } from './locks/waiters.mjs';
import { measure } from './measure.mjs';
import { Misuse } from './misuse.mjs';
import { chosen, readOptions, usage } from './options.mjs';
import { commands } from './processes/commands.mjs';
import { killMany } from './processes/kill-many.mjs';
import { killTree } from './processes/kill-tree.mjs';
import { output, streamed } from './processes/output.mjs';
import { changeTable, figureTable, goalTable } from './table.mjs';

const documents = fileURLToPath(new URL('../../docs/', import.meta.url));

const benches = [
  uncontended,
  nodes,
  contended,
  cold,
  handover,
  takeover,
  waiters,
  parts,
  idle,
  names,
  command,
  commands,
  output,
  streamed,
  killTree,
  killMany,
  imports,
];

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(usage);
  if (options.document !== undefined) return writeDocument(readResult(options.document), documents);
  const older = options.compare === undefined ? undefined : readResult(options.compare);
  const wanted = chosen(benches, options.only);
  const result = await measure(wanted, options.quick);
  for (const figure of result.figures) console.log(`\n${figureTable(figure)}`);
  console.log(`\n${goalTable(result.goals.filter(({ verdict }) => verdict !== 'not measured'))}`);
  for (const { subject, from, reason } of result.missing) console.log(`missing: ${subject} (${from}): ${reason}`);
  for (const row of result.unsteady) console.log(`not steady when measured: ${row.id}, ${labelOf(row)}`);
  const file = options.output ?? defaultFile(result);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
  const { loadBefore, loadAfter } = result.machine;
  console.log(`\n${result.spent.map(({ id, seconds }) => `${id} ${seconds} s`).join(', ')}`);
  console.log(`${result.seconds} s, load ${loadBefore} before and ${loadAfter} after: ${file}`);
  // What is published rests on a whole run.
  if (!options.quick && wanted.length === benches.length) await writeDocument(result, documents);
  if (older !== undefined) tellChanges(compare(older, result), options.compare);
}

function tellChanges(changes, file) {
  const worse = changes.filter((change) => change.worse);
  if (changes.length > 0) console.log(`\n${changeTable([...worse, ...changes.filter((change) => !change.worse)])}`);
  console.log(`\n${worse.length} of our figures got worse than in ${file} by more than the spread`);
  if (worse.length > 0) process.exitCode = 1;
}

function defaultFile({ date, quick }) {
  const results = fileURLToPath(new URL('../results/', import.meta.url));
  return join(results, `${date.slice(0, 19).replaceAll(':', '')}${quick ? '-quick' : ''}.json`);
}

main().catch((error) => {
  // What was asked for wrongly needs no stack.
  const misuse = error instanceof Misuse || error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(misuse ? `${error.message}\n\n${usage}` : error);
  process.exitCode = misuse ? 2 : 1;
});
