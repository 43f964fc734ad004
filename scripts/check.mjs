// `npm run check`: everything about the code that needs no running test. Each step is a command of its own, so that a
// failing one can be repeated by hand; all of them run, whatever the others say.
// `npm run check -- types licences` runs only the steps so named.
import { spawnSync } from 'node:child_process';
import { delimiter, join, relative } from 'node:path';
import { packages, root } from './workspaces.mjs';

const folders = packages.map(({ folder }) => relative(root, folder));

/** Step by step: its name, and its command or commands. */
const steps = {
  build: [['turbo', 'run', 'build', 'typecheck', '--output-logs=errors-only']],
  lint: [['biome', 'ci', '--colors=off', '--error-on-warnings', '.']],
  unused: [['knip']],
  workspaces: [['sherif']],
  structure: [['node', 'scripts/check-structure.mjs']],
  manifests: folders.map((folder) => ['publint', '--strict', folder]),
  types: folders.map((folder) => ['attw', '--pack', folder, '--profile', 'esm-only', '--no-emoji']),
  api: [['node', 'scripts/api-reports.mjs']],
  licences: [['node', 'scripts/check-licences.mjs']],
  changesets: [['node', 'scripts/check-changesets.mjs']],
  'doc-code': [['node', 'scripts/check-doc-code.mjs']],
  'doc-names': [['node', 'scripts/check-doc-names.mjs']],
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
for (const [name, commands] of Object.entries(steps)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const started = Date.now();
  const complaints = commands.map(run).filter((complaint) => complaint !== undefined);
  console.log(`${complaints.length === 0 ? 'ok  ' : 'FAIL'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  for (const complaint of complaints) console.log(complaint);
  if (complaints.length > 0) failed.push(name);
}
console.log(failed.length === 0 ? 'check: clean' : `check: ${failed.join(', ')} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

/** Nothing when the command succeeds, else all it said. */
function run([file, ...args]) {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return undefined;
  return [`> ${[file, ...args].join(' ')}`, error?.message, stdout, stderr].filter(Boolean).join('\n').trimEnd();
}
