// `npm run rehearse`: versions, publishing to a registry on loopback, and installing what was packed, each package alone.
// What follows `--` goes to vitest: `npm run rehearse -- test/registry`.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { countReport, countsLine } from './test-report.mjs';
import { root } from './workspaces.mjs';

const folder = join(root, 'tools/release');
const report = join(folder, 'test-report.json');
rmSync(report, { force: true });
const { status } = spawnSync(
  join(root, 'node_modules/.bin/vitest'),
  ['run', '--config', 'vitest.config.ts', '--root', '.', ...process.argv.slice(2)],
  { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
);
const counts = existsSync(report)
  ? countReport(report, folder)
  : { passed: 0, failed: 1, skipped: 0, failedTitles: ['no report was written'] };
if (status !== 0 && counts.failed === 0) counts.failed = 1;
for (const title of counts.failedTitles) console.log(`  failed: ${title}`);
console.log(`\n${countsLine(counts)}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
