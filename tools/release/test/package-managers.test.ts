import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { command, npm } from '../command.js';
import { root } from '../tarballs.js';

const tools = join(root, 'tools', 'managers');
const program = (path: string): string => join(tools, 'node_modules', path);

const tarballs = inject('tarballs').filter(({ short }) => ['core', 'lockutils', 'processutils'].includes(short));
let folder: string;
let registry: string;
let authorities: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'package-managers-'));
  if (!existsSync(join(tools, 'node_modules'))) npm(tools, 'ci');
  registry = command(root, 'npm', ['config', 'get', 'registry']).trim();
  authorities = command(root, 'npm', ['config', 'get', 'cafile']).trim();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The user depends on lockutils and processutils alone: what they need of core, these two export.
const files = (wanted: (short: string) => boolean): Record<string, string> =>
  Object.fromEntries(tarballs.filter(({ short }) => wanted(short)).map(({ name, path }) => [name, `file:${path}`]));
const direct = (short: string): boolean => short !== 'core';

function home(name: string, manifest: object): string {
  const place = join(folder, name);
  mkdirSync(place);
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name, private: true, type: 'module', ...manifest }));
  cpSync(join(root, 'tools', 'bundlers', 'app', 'server.mjs'), join(place, 'server.mjs'));
  return place;
}

const all = {
  ...{ file: 'read', internal: 'held', external: 'held', sync: 'held', all: 'held' },
  ...{ lockfile: 'held', 'lockfile sync': 'held', execute: 'hi\n', watched: 'hi\n', lines: 'one' },
  ...{ ended: 'ProcessTimeoutError ERR_PROCESS_TIMEOUT', refused: 'InvalidOptionError ERR_INVALID_OPTION' },
  recognised: true,
};

describe('a program whose packages were installed, without install scripts,', () => {
  it('by pnpm, strictly, locks and runs commands', () => {
    const place = home('pnpm', { dependencies: files(direct), pnpm: { overrides: files(() => true) } });
    const settings = ['ignore-scripts=true', 'node-linker=isolated', 'hoist=false', `registry=${registry}`];
    if (existsSync(authorities)) settings.push(`cafile=${authorities}`);
    writeFileSync(join(place, '.npmrc'), `${settings.join('\n')}\n`);
    command(place, process.execPath, [program('pnpm/bin/pnpm.cjs'), 'install', '--store-dir', join(folder, 'store')]);
    expect(JSON.parse(command(place, process.execPath, ['server.mjs']))).toEqual(all);
  });

  it('by Yarn 4 with Plug’n’Play locks and runs commands', () => {
    const place = home('yarn', { dependencies: files(direct), resolutions: files(() => true) });
    const settings = [
      ...['nodeLinker: pnp', 'enableScripts: false', 'enableTelemetry: false', 'enableGlobalCache: false'],
      ...['enableImmutableInstalls: false', `npmRegistryServer: ${JSON.stringify(registry)}`],
      ...(existsSync(authorities) ? [`httpsCaFilePath: ${JSON.stringify(authorities)}`] : []),
    ];
    writeFileSync(join(place, '.yarnrc.yml'), `${settings.join('\n')}\n`);
    writeFileSync(join(place, 'yarn.lock'), '');
    const yarn = (...args: string[]): string =>
      command(place, process.execPath, [program('@yarnpkg/cli-dist/bin/yarn.js'), ...args], { CI: '' });
    yarn('install');
    expect(existsSync(join(place, 'node_modules'))).toBe(false);
    expect(JSON.parse(yarn('node', 'server.mjs').trim().split('\n').at(-1) ?? '')).toEqual(all);
  });
});
