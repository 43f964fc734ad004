// `npm run jest`: tries the packages under Jest: with jsdom, whose timers are a browser's, with its fake timers, and in its
// default mode, which requires and knows no ES modules, in the newest version and in 29.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspaces.mjs';

const home = join(root, 'tools', 'jest');
const run = (file, args, env = {}) =>
  spawnSync(file, args, { cwd: home, stdio: 'inherit', env: { ...process.env, ...env } }).status ?? 1;
if (!existsSync(join(home, 'node_modules')) && run('npm', ['ci', '--no-audit', '--no-fund']) !== 0) process.exit(1);
// Jest's own warning of what it is told to use.
const quiet = { NODE_NO_WARNINGS: '1' };
const jest = (version, flags, ...args) =>
  run(process.execPath, [...flags, join(home, `node_modules/${version}/bin/jest.js`), ...args], quiet);
const failed =
  jest('jest', ['--experimental-vm-modules']) +
  jest('jest', [], '--config', 'commonjs.config.json') +
  jest('jest-29', [], '--config', 'commonjs.config.json');
process.exitCode = failed === 0 ? 0 : 1;
