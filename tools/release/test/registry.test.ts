import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from '../command.js';
import { type Registry, startRegistry } from '../registry.js';
import { ThrowAwayClone } from '../throw-away-clone.js';

let scratch: string;
let registry: Registry;
let clone: ThrowAwayClone;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'registry-'));
  registry = await startRegistry(join(scratch, 'registry'));
  clone = new ThrowAwayClone(join(scratch, 'clone'));
});
afterAll(async () => {
  await registry?.close();
  rmSync(scratch, { recursive: true, force: true });
});

const latest = (short: string): string =>
  command(scratch, 'npm', ['view', `@oslo-concurrency/${short}`, 'version'], registry.env).trim();

it('G26 publishes every package by itself, and again only what has moved', () => {
  clone.version();
  const first = clone.versions();
  clone.changeset('publish', registry.env);
  for (const short of clone.packages) expect(latest(short)).toBe(first[short]);
  const tags = clone.git('tag').split('\n').sort();
  expect(tags).toEqual(clone.packages.map((short) => `@oslo-concurrency/${short}@${first[short]}`).sort());

  clone.announce('lockutils', 'patch', 'Mends a wait.');
  clone.version();
  clone.changeset('publish', registry.env);
  for (const short of clone.packages) {
    if (short === 'lockutils') expect(latest(short)).not.toBe(first[short]);
    else expect(latest(short)).toBe(first[short]);
  }
  expect(
    clone
      .git('tag')
      .split('\n')
      .filter((tag) => !tags.includes(tag)),
  ).toEqual([`@oslo-concurrency/lockutils@${clone.versions().lockutils}`]);
});

const all = [
  ...['core', 'lockutils', 'processutils', 'fixture'],
  ...['lockutils-etcd', 'lockutils-postgres', 'lockutils-redis', 'telemetry'],
];
it.each(all)('G26 %s is installed from the registry by its name alone, and works', (short) => {
  const home = join(scratch, 'strangers', short);
  mkdirSync(join(home, 'locks'), { recursive: true });
  writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }');
  command(home, 'npm', ['install', '--no-audit', '--no-fund', `@oslo-concurrency/${short}`], registry.env);
  cpSync(join(import.meta.dirname, '..', 'jobs', `${short}.cjs`), join(home, 'job.cjs'));
  expect(command(home, process.execPath, ['job.cjs'], { OSLO_LOCK_PATH: join(home, 'locks') })).toBe('done\n');
});
