import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { command } from '../command.js';
import { root } from '../tarballs.js';

let folder: string;
let home: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'downstream-'));
  home = join(folder, 'downstream');
  cpSync(join(root, 'examples/downstream'), home, { recursive: true });
  const packed = new Map(inject('tarballs').map(({ name, path }) => [name, `file:${path}`]));
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    overrides?: Record<string, string>;
  };
  for (const field of [manifest.dependencies, manifest.devDependencies]) {
    for (const name of Object.keys(field)) field[name] = packed.get(name) ?? field[name] ?? '';
  }
  manifest.overrides = { '@oslo-concurrency/core': packed.get('@oslo-concurrency/core') ?? '' };
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest));
  command(home, 'npm', ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['vitest', 'jest', 'node'])('G26 a downstream repository tests its lock by the fixture in %s', (runner) => {
  // Throws, with all that was said, when a test failed.
  const said = command(home, 'npm', ['run', `test:${runner}`], { VITEST: undefined, NODE_OPTIONS: undefined });
  expect(said).toBeDefined();
});
