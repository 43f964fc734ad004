import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { node, npm } from '../command.js';
import { project } from '../project.js';
import { root } from '../tarballs.js';

const tools = join(root, 'tools', 'bundlers');
const bundlers = ['esbuild, ES module', 'esbuild, CommonJS', 'webpack 5', 'rollup', 'vite --ssr'];
// What the native locks of the kernel driver are made with, and what that needs.
const addOn = [
  'fs-native-extensions',
  'require-addon',
  'bare-addon-resolve',
  'bare-module-resolve',
  'bare-semver',
  'which-runtime',
];

const everywhere = {
  file: 'read',
  internal: 'held',
  lockfile: 'held',
  'lockfile sync': 'held',
  execute: 'hi\n',
  ended: 'ProcessTimeoutError ERR_PROCESS_TIMEOUT',
  watched: 'hi\n',
  lines: 'one',
  refused: 'InvalidOptionError ERR_INVALID_OPTION',
  recognised: true,
};

let folder: string;
let files: Readonly<Record<string, string>>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundles-'));
  if (!existsSync(join(tools, 'node_modules'))) npm(tools, 'ci');
  const tarballs = inject('tarballs');
  const wanted = tarballs.filter(({ short }) => ['core', 'lockutils', 'processutils'].includes(short));
  const home = project(
    join(folder, 'project'),
    Object.fromEntries(wanted.map(({ name, path }) => [name, `file:${path}`])),
    tarballs,
  );
  cpSync(join(tools, 'app'), home, { recursive: true });
  files = JSON.parse(node(tools, 'bundle.mjs', join(home, 'server.mjs'), join(folder, 'bundles')));
  mkdirSync(join(folder, 'add-on'));
  for (const name of addOn) cpSync(join(home, 'node_modules', name), join(folder, 'add-on', name), { recursive: true });
  // Where a bundle runs, nothing of the place is left where it was made.
  rmSync(home, { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (name: string): unknown => {
  const file = files[name];
  if (file === undefined) throw new Error(`nothing was bundled by ${name}`);
  return JSON.parse(node('/', file));
};

describe.each(bundlers)('a program bundled by %s, minified, and moved to a folder without node_modules', (name) => {
  it('locks, ends commands and reads configuration; the kernel driver refuses and says what is missing', () => {
    const refused = 'AddOnUnavailableError ERR_ADDON_UNAVAILABLE';
    expect(run(name)).toEqual({ ...everywhere, external: refused, sync: refused, all: refused });
  });

  it('also holds kernel locks, once the add-on lies beside it', () => {
    cpSync(join(folder, 'add-on'), join(dirname(files[name] as string), 'node_modules'), { recursive: true });
    expect(run(name)).toEqual({ ...everywhere, external: 'held', sync: 'held', all: 'held' });
  });
});
