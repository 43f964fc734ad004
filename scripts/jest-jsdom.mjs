// `npm run jest`: tries the packages under Jest with jsdom, whose timers are a browser's, and with its fake timers.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

const home = join(root, 'tools', 'jest');
const run = (file, args, env = {}) =>
  spawnSync(file, args, { cwd: home, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
if (!existsSync(join(home, 'node_modules')) && run('npm', ['ci', '--no-audit', '--no-fund']) !== 0) process.exit(1);
process.exitCode = run(process.execPath, ['--experimental-vm-modules', join(home, 'node_modules/jest/bin/jest.js')], {
  // Jest's own warning of what it is told to use.
  NODE_NO_WARNINGS: '1',
});
