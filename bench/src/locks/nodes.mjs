import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interleave } from '../interleave.mjs';
import { warmUp } from '../steady.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const subjects = ['context', 'ours internal', 'ours internal undetected', 'async-mutex', 'async-lock', 'p-limit'];
const matrix = fileURLToPath(new URL('../../../tools/node-matrix/node_modules', import.meta.url));
const own = process.versions.node.split('.')[0];

/** The other Nodes that `npm run matrix`, or `npm ci` in its folder, has installed, by their major versions. */
const others = new Map(['24', '26'].map((major) => [major, join(matrix, `node${major}`, 'bin', 'node')]));

/**
 * The internal lock beside its peers on several Nodes, whose ways to keep the async context differ: most of what the
 * detection of deadlocks costs.
 */
export const nodes = {
  id: 'locks.nodes',
  group: 'locks',
  seconds: { full: 18, quick: 8 },
  async run(context) {
    const found = await present(context, subjects);
    const programs = [[own, process.execPath], ...others].filter(([major, program], index) => {
      if (index > 0 && major === own) return false;
      if (existsSync(program)) return true;
      const reason = 'npm ci in tools/node-matrix installs it';
      context.missing({ subject: `Node ${major}`, side: 'floor', from: 'tools/node-matrix', reason });
      return false;
    });
    const rows = [];
    for (const [index, [major, node]] of programs.entries()) {
      const progress = (part) => context.progress((index + part) / programs.length);
      const samples = await withContestants(context, found, (contestants) => measure(context, contestants, progress), {
        node,
      });
      rows.push(...rowsOf(samples, { node: Number(major) }));
    }
    const title = 'Acquire and release an internal lock nobody else wants, by the version of Node';
    context.record({ id: 'locks.nodes', title, unit: 'us', better: 'less', reference: 'async-mutex', rows });
  },
};

async function measure(context, contestants, progress) {
  const { rounds, ms } = context.quick
    ? { rounds: 3, ms: 40 }
    : { rounds: { least: 8, most: 12, reference: 'async-mutex' }, ms: 60 };
  const ask = (subject) => contestants.get(subject).ask('uncontended', { ms, batch: 200 });
  await warmUp(contestants, ask, (subject) => context.unsteady({ id: nodes.id, subject }));
  return await interleave([...contestants.keys()], rounds, ask, { progress });
}
