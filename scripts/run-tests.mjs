// `npm test`: builds, runs every workspace's tests, and ends with one plain line that counts them all.
// What follows `--` goes to turbo: `npm test -- --filter=@oslo-concurrency/core`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countReport, countsLine } from './test-report.mjs';
import { root, workspaces } from './workspaces.mjs';

const passedOn = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'oslo-test-run-'));
const warnings = join(scratch, 'warnings.txt');
const suites = workspaces
  .filter(({ manifest }) => manifest.scripts?.test?.includes('vitest') === true)
  .filter(({ folder }) => hasTests(join(folder, 'test')))
  .map(({ folder, manifest }) => ({ name: manifest.name, folder, report: join(folder, 'test-report.json') }));
for (const { report } of suites) rmSync(report, { force: true });

const started = Date.now();
// One package at a time: the tests load the machine on purpose, and two of them at once would measure each other.
// A green random test from the cache proves nothing, so CI never takes one.
const built = turbo(['run', 'build', '--output-logs=errors-only', ...passedOn]);
const tested =
  built === 0
    ? turbo([
        'run',
        'test',
        '--only',
        '--continue',
        '--concurrency=1',
        ...(process.env.CI ? ['--force'] : []),
        ...passedOn,
      ])
    : built;

const totals = { passed: 0, failed: 0, skipped: 0 };
const rows = [];
for (const suite of suites) {
  const row = count(suite);
  if (row === undefined) continue;
  rows.push(row);
  for (const key of Object.keys(totals)) totals[key] += row[key];
}
// Node writes here what any of its processes would have warned of, in tests and their children alike.
const warned = existsSync(warnings) ? readFileSync(warnings, 'utf8').trim() : '';
if (warned !== '') {
  console.log(`\nNode warned during the tests, which counts as a failure:\n${warned}`);
  totals.failed += 1;
}
// A machine for development leaves out what it has no engine, user or program for. The whole CI has them all, so a test that is
// left out there is one that proves nothing any more. Titles say what is run elsewhere: (only with SOAK), (only on Node 26 ...).
const leftOut = process.env.OSLO_CI_RUN
  ? rows.flatMap((row) => row.skippedTitles).filter((title) => !/\(only (with|on) /.test(title))
  : [];
totals.failed += leftOut.length;
totals.skipped -= leftOut.length;
const unexplained = tested !== 0 && totals.failed === 0;
if (unexplained) {
  console.log('\nNo test failed, yet a task did: an error outside any test, or a build that failed. See above.');
  totals.failed += 1;
}
rmSync(scratch, { recursive: true, force: true });

console.log(
  `\n${rows.length} of ${suites.length} packages with tests, ${((Date.now() - started) / 1000).toFixed(1)} s`,
);
for (const row of rows) console.log(`  ${row.name}: ${countsLine(row)}`);
for (const title of rows.flatMap((row) => row.skippedTitles)) console.log(`  skipped: ${title}`);
// `.ci/run` repeats these lines at its end, where whoever sees no more of it still learns what failed.
for (const row of rows) for (const title of row.failedTitles) console.log(`  failed: ${row.name}/${title}`);
for (const title of leftOut) console.log(`  failed: ${title}: CI must not skip it`);
if (warned !== '') console.log(`  failed: Node warned: ${warned.split('\n')[0]}`);
else if (unexplained) console.log('  failed: a task, outside of any test');
console.log(`\n${countsLine(totals)}`);
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1;

function turbo(args) {
  const { status, error } = spawnSync(join(root, 'node_modules', '.bin', 'turbo'), args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { TURBO_TELEMETRY_DISABLED: '1', ...process.env, NODE_REDIRECT_WARNINGS: warnings },
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function hasTests(folder) {
  return existsSync(folder) && readdirSync(folder, { recursive: true }).some((file) => file.endsWith('.test.ts'));
}

function count({ name, folder, report }) {
  if (existsSync(report)) return { name, ...countReport(report, folder) };
  // With a filter the other packages have none; without, the run broke before it could write one.
  if (passedOn.length > 0) return undefined;
  console.log(`${name}: no report was written`);
  return { name, passed: 0, failed: 1, skipped: 0, skippedTitles: [], failedTitles: ['no report was written'] };
}
