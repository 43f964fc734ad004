// `npm run matrix`: the guarantee tests (titles with a G and a number) on the other supported Nodes, and a smoke of each
// package on Bun and Deno. `-- --all` runs every test, `-- --write` writes the outcome to docs/tested-on.md,
// `-- --only node22` takes one runtime.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, release, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { countReport, countsLine } from './test-report.mjs';
import { packages, root } from './workspaces.mjs';

const { values: asked } = parseArgs({
  options: { all: { type: 'boolean' }, write: { type: 'boolean' }, only: { type: 'string', multiple: true } },
});
const home = join(root, 'tools/node-matrix');
if (platform() !== 'linux' || arch() !== 'x64') {
  console.log('the other runtimes are installed as Linux x64 programs; on this machine there is nothing to run');
  console.log('0 passed, 0 failed, 0 skipped');
  process.exit();
}
if (!existsSync(join(home, 'node_modules'))) run(home, 'npm', ['ci', '--no-audit', '--no-fund'], {}, 'inherit');

const runtimes = [
  { id: 'this', name: 'Node', program: process.execPath, args: [], kind: 'tests' },
  { id: 'node22', name: 'Node', program: join(home, 'node_modules/node22/bin/node'), args: [], kind: 'tests' },
  { id: 'node24', name: 'Node', program: join(home, 'node_modules/node24/bin/node'), args: [], kind: 'tests' },
  { id: 'bun', name: 'Bun', program: join(home, 'node_modules/.bin/bun'), args: ['run'], kind: 'smoke' },
  {
    id: 'deno',
    name: 'Deno',
    program: join(home, 'node_modules/.bin/deno'),
    args: ['run', '-A', '--quiet'],
    kind: 'smoke',
  },
].filter(({ id }) => (asked.only === undefined ? id !== 'this' || asked.write : asked.only.includes(id)));

const totals = { passed: 0, failed: 0, skipped: 0 };
const rows = [];
for (const runtime of runtimes) {
  const version = /\d+\.\d+\.\d+/.exec(run(root, runtime.program, ['--version']).stdout)?.[0] ?? 'unknown';
  const cells = {};
  for (const { folder, manifest } of packages) {
    const short = manifest.name.split('/')[1];
    const counts = runtime.kind === 'tests' ? tested(runtime, folder) : smoked(runtime, short);
    cells[short] = counts.said;
    for (const key of Object.keys(totals)) totals[key] += counts[key];
    console.log(`${runtime.name} ${version}, ${short}: ${counts.said}`);
  }
  rows.push({ runtime: `${runtime.name} ${version}`, cells });
}
if (asked.write) writeFileSync(join(root, 'docs/tested-on.md'), table());
console.log(`\n${countsLine(totals)}`);
process.exitCode = totals.failed === 0 ? 0 : 1;

function run(cwd, program, args, env = {}, stderr = 'pipe') {
  return spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', stderr === 'inherit' ? 'inherit' : 'pipe', stderr],
    env: { ...process.env, ...env },
    timeout: 600_000,
    maxBuffer: 64 * 1024 * 1024,
  });
}

function tested({ program }, folder) {
  const scratch = mkdtempSync(join(tmpdir(), 'node-matrix-'));
  const report = join(folder, 'test-report.json');
  rmSync(report, { force: true });
  const args = ['run', '--config', '../../vitest.config.ts', '--root', '.'];
  if (!asked.all) args.push('--testNamePattern', '\\bG\\d+\\b');
  const warnings = join(scratch, 'warnings.txt');
  const { status, stdout, stderr } = run(folder, join(root, 'node_modules/.bin/vitest'), args, {
    PATH: [dirname(program), process.env.PATH].join(delimiter),
    NODE_REDIRECT_WARNINGS: warnings,
  });
  const counts = existsSync(report) ? countReport(report, folder) : { passed: 0, failed: 1, skipped: 0 };
  // Not asked for is not skipped.
  if (!asked.all) counts.skipped = 0;
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  const warned = existsSync(warnings) ? readFileSync(warnings, 'utf8') : '';
  if (warned !== '') counts.failed += 1;
  if (counts.failed > 0) console.log(`${stdout}${stderr}${warned}`);
  rmSync(scratch, { recursive: true });
  return { ...counts, said: counts.failed === 0 ? `${counts.passed} tests` : `${counts.failed} failed` };
}

function smoked({ program, args }, short) {
  const file = join(home, 'smoke', `${short}.mjs`);
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, said: 'no smoke test' };
  const lockPath = mkdtempSync(join(tmpdir(), 'smoke-'));
  const { status, stdout, stderr } = run(home, program, [...args, file], {
    OSLO_LOCK_PATH: lockPath,
    DENO_DIR: join(lockPath, 'deno'),
  });
  for (const path of [lockPath, `${lockPath}-lockfile`]) rmSync(path, { recursive: true, force: true });
  if (status === 0) return { passed: 1, failed: 0, skipped: 0, said: stdout.trim().split('\n').at(-1) };
  console.log(stdout + stderr);
  return { passed: 0, failed: 1, skipped: 0, said: 'does not work' };
}

function table() {
  const names = packages.map(({ manifest }) => manifest.name.split('/')[1]);
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    '# What was tested where',
    '',
    'Written by `npm run matrix -- --write` from its own runs; do not edit. A number is of tests that passed: all that prove a',
    `numbered guarantee${asked.all ? ', and all others' : ''}. "works" is one small job from import to result.`,
    '',
    `${new Date().toISOString().slice(0, 10)}, Linux ${release().split('-')[0]}, x64.`,
    '',
    line(['', ...names]),
    line(['---', ...names.map(() => '---')]),
    ...rows.map(({ runtime, cells }) => line([runtime, ...names.map((name) => cells[name])])),
    '',
    'Every change runs all tests on the oldest supported Node and the guarantee tests on the others (`.ci/run`). macOS, Windows',
    'and other processors were not tested.',
    '',
  ].join('\n');
}
