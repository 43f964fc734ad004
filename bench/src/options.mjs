import { parseArgs } from 'node:util';
import { Misuse } from './misuse.mjs';

const groups = ['locks', 'processes', 'imports'];

export const usage = `npm run bench -- [--only ${groups.join('|')}|ID]... [--quick] [--compare OLD.json] [--output FILE]
npm run bench -- --document RESULT.json

  --only       one group, or one benchmark by its id (locks.handover); may be given several times
  --quick      two minutes for locks, three for all, instead of eleven: fewer rounds, peers and sizes; changes no document
  --compare    afterwards, name what got worse than OLD.json by more than the spread; exits with 1 if anything did
  --output     where to write the results instead of bench/results/<date>.json
  --document   measure nothing: write docs/performance.md and its plots from RESULT.json`;

/** What the command line asks for. @throws Misuse, or Node's error about an argument */
export function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      compare: { type: 'string' },
      output: { type: 'string' },
      document: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  return { ...values, only: values.only.flatMap((part) => part.split(',')) };
}

/** The benchmarks that were asked for. @throws Misuse when a name fits none */
export function chosen(benches, only) {
  const fits = (name, bench) => bench.group === name || bench.id === name || bench.id.startsWith(`${name}.`);
  const unknown = only.filter((name) => !benches.some((bench) => fits(name, bench)));
  if (unknown.length > 0) {
    const ids = benches.map(({ id }) => id).join(', ');
    throw new Misuse(`There is no benchmark ${unknown.join(', ')}; there are ${groups.join(', ')} and ${ids}`);
  }
  return only.length === 0 ? benches : benches.filter((bench) => only.some((name) => fits(name, bench)));
}
