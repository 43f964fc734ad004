// `npm run check`: everything about the code that needs no running test. Each step is a command of its own, so that a
// failing one can be repeated by hand; all of them run, whatever the others say. The build comes first, since most others
// read it; they run two at a time, which leaves none of the smallest machine's cores idle.
// `npm run check -- types licences` runs only the steps so named.
import { execFile } from 'node:child_process';
import { delimiter, join, relative } from 'node:path';
import { packages, root } from './workspaces.mjs';

const folders = packages.map(({ folder }) => relative(root, folder));

/** Step by step: its name, and its command or commands. */
// The CommonJS build is for tools that read no types; TypeScript reads those of the ES modules (false-esm).
const steps = {
  build: [['turbo', 'run', 'build', 'typecheck', '--output-logs=errors-only']],
  lint: [['biome', 'ci', '--colors=off', '--error-on-warnings', '.']],
  unused: [['knip']],
  workspaces: [['sherif']],
  structure: [['node', 'scripts/check-structure.mjs']],
  words: [['node', 'scripts/check-words.mjs']],
  project: [['node', 'scripts/project.mjs']],
  manifests: folders.map((folder) => ['publint', '--strict', folder]),
  types: folders.map((folder) => [
    'attw',
    '--pack',
    folder,
    '--profile',
    'esm-only',
    '--ignore-rules',
    'false-esm',
    '--no-emoji',
  ]),
  api: [['node', 'scripts/api-reports.mjs']],
  licences: [['node', 'scripts/check-licences.mjs']],
  workflows: [['node', 'scripts/check-workflows.mjs']],
  changesets: [['node', 'scripts/check-changesets.mjs']],
  'doc-code': [['node', 'scripts/check-doc-code.mjs']],
  'doc-names': [['node', 'scripts/check-doc-names.mjs']],
  comparison: [['node', 'scripts/check-comparison.mjs']],
  links: [['remark', '--quiet', '--frail', '.']],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(steps, name));
if (unknown.length > 0) {
  console.error(`There is no step ${unknown.join(', ')}; the steps are ${Object.keys(steps).join(', ')}.`);
  process.exit(2);
}

const env = {
  TURBO_TELEMETRY_DISABLED: '1',
  ...process.env,
  PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
};
const failed = [];
const names = Object.keys(steps).filter((name) => asked.length === 0 || asked.includes(name));
const waiting = names.filter((name) => name !== 'build');
if (names.includes('build')) await step('build');
await Promise.all([worker(), worker()]);
for (const name of failed) console.log(`  failed: npm run check -- ${name}`);
console.log(failed.length === 0 ? 'check: clean' : `check: ${failed.join(', ')} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function worker() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await step(name);
}

async function step(name) {
  const started = Date.now();
  const complaints = [];
  for (const command of steps[name]) complaints.push(...(await run(command)));
  console.log(`${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  for (const complaint of complaints) console.log(complaint);
  if (complaints.length > 0) failed.push(name);
}

/** Nothing when the command succeeds, else all it said. */
function run([file, ...args]) {
  return new Promise((resolve) => {
    const options = { cwd: root, env, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve([]);
      // What it said tells more than that it failed, unless it said nothing or could not be started.
      const why = typeof error.code === 'number' ? undefined : error.message;
      resolve([[`> ${[file, ...args].join(' ')}`, why, stdout, stderr].filter(Boolean).join('\n').trimEnd()]);
    });
    child.stdin.end();
  });
}
