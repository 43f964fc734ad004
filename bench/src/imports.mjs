import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { python } from './contestant.mjs';
import { importCost } from './import-cost.mjs';
import { interleave } from './interleave.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('.', import.meta.url));

const modules = [
  { subject: 'core', side: 'ours', name: '@oslo-concurrency/core' },
  { subject: 'lockutils', side: 'ours', name: '@oslo-concurrency/lockutils' },
  { subject: 'processutils', side: 'ours', name: '@oslo-concurrency/processutils' },
  ...['proper-lockfile', 'async-mutex', 'async-lock', 'p-limit', 'execa', 'tinyexec'].map((name) => ({
    subject: name,
    side: 'peer',
    name,
  })),
  { subject: 'oslo lockutils', side: 'peer', name: 'oslo_concurrency.lockutils', python: true },
  { subject: 'oslo processutils', side: 'peer', name: 'oslo_concurrency.processutils', python: true },
  { subject: 'fasteners', side: 'peer', name: 'fasteners', python: true },
  { subject: 'filelock', side: 'peer', name: 'filelock', python: true },
];

/** How long the first import of each package takes in a fresh process. */
export const imports = {
  id: 'imports',
  group: 'imports',
  seconds: { full: 25, quick: 20 },
  async run(context) {
    const tried = await Promise.allSettled(modules.map(importOnce));
    const found = modules.filter((module, index) => {
      const { reason } = tried[index];
      if (reason === undefined) return true;
      const from = module.python ? 'Debian' : 'npm';
      context.missing({ ...module, from, reason: errorIn(reason.stderr) ?? reason.message });
      return false;
    });
    const rounds = context.quick ? 3 : { least: 5, most: 6 };
    const samples = await interleave(found, rounds, importOnce, { progress: context.progress });
    context.record({
      id: 'imports',
      title: 'Import a package for the first time in a process',
      unit: 'ms',
      better: 'less',
      rows: [...samples].map(([{ subject, side }, values]) => ({ subject, side, samples: values })),
    });
    const costs = [];
    for (const { subject, after } of goals) {
      const resolved = [subject, ...after].map((name) => import.meta.resolve(`@oslo-concurrency/${name}`));
      costs.push({ subject, side: 'ours', samples: await importCost(resolved[0], { after: resolved.slice(1) }) });
    }
    context.record({
      id: 'imports.cost',
      title: 'Import a package after those that it needs, on a machine that starts Node in 40 ms',
      unit: 'ms',
      better: 'less',
      rows: costs,
    });
  },
};

/** What the goals speak of. */
const goals = [
  { subject: 'core', after: [] },
  { subject: 'lockutils', after: ['core'] },
  { subject: 'processutils', after: ['core'] },
];

// Node ends with its version, Python with the error.
const errorIn = (stderr) => stderr?.split('\n').find((line) => /^\w*Error\b/.test(line));

async function importOnce({ name, python: isPython = false }) {
  const [file, args] = isPython ? [python, ['-c', pythonSource(name)]] : [process.execPath, nodeArguments(name)];
  const { stdout } = await run(file, args, { cwd: here });
  return Number(stdout);
}

function nodeArguments(name) {
  const source = `const start = performance.now(); await import(${JSON.stringify(name)});
    process.stdout.write(String(performance.now() - start));`;
  return ['--input-type=module', '--eval', source];
}

function pythonSource(name) {
  return `import time\nstart = time.perf_counter()\nimport ${name}\nprint((time.perf_counter() - start) * 1000)`;
}
