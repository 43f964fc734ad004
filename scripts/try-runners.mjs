// `npm run runners`: the tests of a user's program (examples/downstream) in the test runners that load the packages in a way
// of their own: vitest in each of its pools, node:test and AVA. Jest has `npm run jest`.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

const home = join(root, 'tools', 'runners');
const run = (file, args) => spawnSync(file, args, { cwd: home, stdio: 'inherit' }).status ?? 1;
if (!existsSync(join(home, 'node_modules')) && run('npm', ['ci', '--no-audit', '--no-fund']) !== 0) process.exit(1);
const original = join(root, 'packages/lockutils');
const copy = join(home, 'node_modules/lockutils-copy');
rmSync(copy, { recursive: true, force: true });
for (const part of ['package.json', 'dist']) cpSync(join(original, part), join(copy, part), { recursive: true });

const node = (...args) => [process.execPath, args];
const vitest = (pool) => node(join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--pool', pool);
const runners = {
  'vitest, threads': vitest('threads'),
  'vitest, forks': vitest('forks'),
  'vitest, vmThreads': vitest('vmThreads'),
  'vitest, vmForks': vitest('vmForks'),
  'node:test': node('--test', 'node.test.mjs'),
  // It gives up after 10 s in which no test has ended.
  AVA: node(join(home, 'node_modules/ava/entrypoints/cli.mjs'), '--timeout=3m'),
};
const failed = [];
for (const [name, [file, args]] of Object.entries(runners)) {
  console.log(`\n===== ${name}`);
  if (run(file, args) !== 0) failed.push(name);
}
for (const name of failed) console.log(`  failed: ${name}`);
console.log(`\n${Object.keys(runners).length - failed.length} passed, ${failed.length} failed, 0 skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
