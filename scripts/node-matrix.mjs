// `npm run matrix`: the guarantee tests (titles with a G and a number) on the other supported Nodes, and a smoke of each
// package on Bun and Deno. `-- --all` runs every test (weekly, in platforms.yml), `-- --only node22` takes one runtime,
// `-- --package core` one package.
// `-- --write` writes what passed to docs/tested-on.md. A page that tells of another version than ran is a failure; one that
// does not tell of a runtime is only incomplete, and says so.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { arch, platform, release, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { engineVersions } from './engine-versions.mjs';
import { countReport, countsLine } from './test-report.mjs';
import { packages, root } from './workspaces.mjs';

const { values: asked } = parseArgs({
  options: {
    all: { type: 'boolean' },
    write: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    package: { type: 'string', multiple: true },
  },
});
const home = join(root, 'tools/node-matrix');
const page = join(root, 'docs/tested-on.md');
const guarantee = /\bG\d+\b/;
const allTests = ', all tests';
const nothing = { passed: 0, failed: 0, skipped: 0, skippedTitles: [] };
/** Random plans are drawn anew in each run and do not depend on the runtime: the ordinary test run draws many, these few. */
const fewer = asked.all ? {} : { fixture: { FC_RUNS: '30' }, processutils: { FC_RUNS: '30' } };
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
  { id: 'node26', name: 'Node', program: join(home, 'node_modules/node26/bin/node'), args: [], kind: 'tests' },
  // The kernel driver without its add-on. Its tests that show that it excludes and is fair need no more packages.
  {
    id: 'ffi',
    name: 'Node',
    means: ' by node:ffi',
    program: join(home, 'node_modules/node26/bin/node'),
    args: [],
    kind: 'tests',
    only: /^lockutils .*(drivers\/kernel|promises\/(processes|takeover|python-pairs)|test\/lock(-sync)?\.test)/,
    env: { OSLO_KERNEL_CALLS: 'ffi', NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  },
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
  // Counts of all tests have a row of their own, so that a later run of the guarantees does not write over them.
  const scope = asked.all && runtime.kind === 'tests' && runtime.only === undefined ? allTests : '';
  const name = `${runtime.name} ${versionOf(runtime)}${runtime.means ?? ''}${scope}`;
  const cells = {};
  for (const { folder, manifest } of packages) {
    const short = shortName(manifest);
    if (asked.package?.includes(short) === false) continue;
    if (runtime.only !== undefined && !testFiles(folder).some((file) => runtime.only.test(`${short} ${file}`)))
      continue;
    const began = performance.now();
    const counts = runtime.kind === 'tests' ? tested(runtime, folder, short) : smoked(runtime, short);
    cells[short] = counts.failed === 0 ? counts.said : undefined;
    for (const key of Object.keys(totals)) totals[key] += counts[key];
    console.log(`${name}, ${short}: ${counts.said} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
    // What fails without a test of its own, such as a warning of Node or a smoke, has its line too.
    const failures = counts.failedTitles?.length > 0 ? counts.failedTitles : counts.failed > 0 ? [counts.said] : [];
    for (const failure of failures) console.log(`  failed: ${name}, ${short}/${failure}`);
  }
  rows.push({ runtime: name, cells, isPart: runtime.only !== undefined });
}
if (asked.write) writeFileSync(page, table());
const told = written();
for (const { runtime, cells } of rows) {
  const other = [...told.keys()].find((name) => kind(name) === kind(runtime) && name !== runtime);
  const missing = Object.keys(cells).filter((short) => (told.get(runtime)?.[short] ?? '') === '');
  if (other !== undefined) {
    console.log(`docs/tested-on.md tells of ${other}, which is now ${runtime}: npm run matrix -- --write`);
    totals.failed += 1;
  } else if (missing.length > 0) {
    console.log(
      `docs/tested-on.md does not tell of ${missing.join(', ')} on ${runtime} yet: npm run matrix -- --write`,
    );
  }
}
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

/** What the tests' own look-up of `node` finds, so that the page cannot tell of another Node than ran. */
function versionOf(runtime) {
  const named = runtime.kind === 'tests' ? 'node' : runtime.program;
  const { stdout, stderr, error } = run(root, named, ['--version'], first(runtime));
  const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0];
  if (version === undefined) throw new Error(`${runtime.program} --version: ${error?.message ?? stderr}`);
  return version;
}

function first({ program }) {
  return { PATH: [dirname(program), process.env.PATH].join(delimiter) };
}

function tested(runtime, folder, short) {
  const scratch = mkdtempSync(join(tmpdir(), 'node-matrix-'));
  const report = join(folder, 'test-report.json');
  rmSync(report, { force: true });
  const args = ['run', '--config', '../../vitest.config.ts', '--root', '.'];
  const files = testFiles(folder).filter((file) => runtime.only?.test(`${short} ${file}`) ?? true);
  const named = files.filter(namesGuarantee);
  // A package without numbered guarantees has few tests.
  const all = asked.all || named.length === 0;
  if (!all) args.push('--testNamePattern', guarantee.source, ...named);
  else if (runtime.only !== undefined) args.push(...files);
  const warnings = join(scratch, 'warnings.txt');
  const { status, stdout, stderr } = run(folder, join(root, 'node_modules/.bin/vitest'), args, {
    ...first(runtime),
    ...runtime.env,
    ...fewer[short],
    // Hundreds of processes load the same files. (Node 20 does not know this.)
    NODE_COMPILE_CACHE: join(scratch, 'compiled'),
    NODE_REDIRECT_WARNINGS: warnings,
  });
  const counts = existsSync(report) ? countReport(report, folder) : { ...nothing, failed: 1 };
  // What was not asked for counts as skipped in the report, not here.
  if (!all) counts.skipped = counts.skippedTitles.filter((title) => guarantee.test(title)).length;
  // A filter that matches nothing leaves vitest content.
  const none = counts.passed + counts.failed === 0;
  if ((status !== 0 || none) && counts.failed === 0) counts.failed = 1;
  const warned = existsSync(warnings) ? readFileSync(warnings, 'utf8') : '';
  if (warned !== '') counts.failed += 1;
  if (none) console.log(`${short}: no test was run`);
  if (counts.failed > 0) console.log(`${stdout}${stderr}${warned}`);
  // A process that a test left behind may still write what it compiled.
  rmSync(scratch, { recursive: true, force: true, maxRetries: 10 });
  return { ...counts, said: counts.failed === 0 ? `${counts.passed} tests` : `${counts.failed} failed` };
}

function testFiles(folder) {
  const files = readdirSync(join(folder, 'test'), { recursive: true }).filter((file) => file.endsWith('.test.ts'));
  return files.map((file) => join(folder, 'test', file));
}

function namesGuarantee(file) {
  return guarantee.test(readFileSync(file, 'utf8'));
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

/** `Node 22` of `Node 22.23.3`, `Bun` of `Bun 1.4.5`, `Node 26 by node:ffi`, `Node 26, all tests`: one row each. */
function kind(runtime) {
  const [, name, means = ''] = /^(Node \d+|\w+)[^\s,]* ?[^\s,]*?( by .*|, all tests)?$/.exec(runtime);
  return name + means;
}

function shortName({ name }) {
  return name.split('/')[1];
}

/** What a table of the page says: by the first cell of a row, by the head of a column. */
function written(which = 0) {
  const tables = (existsSync(page) ? readFileSync(page, 'utf8') : '').match(/^\|.*(\n\|.*)+/gm) ?? [];
  const [head = [], , ...lines] = (tables[which] ?? '')
    .split('\n')
    .map((text) => text.split('|').map((cell) => cell.trim()));
  return new Map(
    lines.map((cells) => [cells[1], Object.fromEntries(head.map((name, index) => [name, cells[index]]).slice(2, -1))]),
  );
}

/** Which servers and clients the drivers were tested with: what passed now, else what the page says already. */
function engineTable(today) {
  const known = written(1);
  for (const { manifest } of packages) {
    const short = shortName(manifest);
    // On a Node, since the small jobs of the others need no server.
    const tested = rows.some(({ runtime, cells }) => runtime.startsWith('Node') && cells[short] !== undefined);
    const versions = tested ? engineVersions(short) : undefined;
    if (versions !== undefined) known.set(short, { ...versions, when: today });
  }
  return [...known]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([short, { servers, clients, when }]) => [short, servers, clients, when]);
}

/** The page, with what passed now in place of what it says of the same runtime. */
function table() {
  const today = new Date().toISOString().slice(0, 10);
  const where = `Linux ${release().split('-')[0]}, x64`;
  const known = written();
  for (const { runtime, cells, isPart } of rows) {
    const passed = Object.entries(cells).filter(([, said]) => said !== undefined);
    if (passed.length === 0) continue;
    const before = known.get(runtime);
    for (const other of known.keys()) if (kind(other) === kind(runtime)) known.delete(other);
    // The day of the oldest run in the row.
    const all = isPart || passed.length === packages.length;
    known.set(runtime, {
      ...before,
      ...Object.fromEntries(passed),
      when: all ? today : (before?.when ?? today),
      where,
    });
  }
  const order = ['Node', 'Bun', 'Deno'];
  const place = (name) => `${order.findIndex((word) => name.startsWith(word))} ${name}`;
  const columns = [...packages.map(({ manifest }) => shortName(manifest)), 'when', 'where'];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [
    '# What was tested where',
    '',
    'Written by `npm run matrix -- --write` from its own runs, and only what passed in them; do not edit. A number counts the tests',
    'that prove a numbered guarantee, or all tests of a package without any. In a row "all tests", it counts all. "works" is one',
    'small job from import to result. "by node:ffi" is the kernel driver without its add-on.',
    '',
    line(['', ...columns]),
    line(['---', ...columns.map(() => '---')]),
    ...[...known.keys()]
      .sort((a, b) => place(a).localeCompare(place(b), 'en', { numeric: true }))
      .map((runtime) => line([runtime, ...columns.map((column) => known.get(runtime)[column] ?? '')])),
    '',
    'The tests of the drivers for engines ran with these servers and clients, which the tests start on the same machine:',
    '',
    line(['', 'servers', 'clients', 'when']),
    line(['---', '---', '---', '---']),
    ...engineTable(today).map(line),
    '',
    'Every change runs all tests on the oldest supported Node, and the guarantee tests and the small jobs on the others',
    '(`.ci/run`), in these very versions. `.github/workflows/platforms.yml` runs all tests on the others too, once a week,',
    'where the repository is hosted. For other systems see [support](support.md#systems).',
    '',
  ].join('\n');
}
