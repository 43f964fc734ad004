import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { lock } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';

// A second installed copy: the same files under another path, so other modules and other classes.
const home = mkdtempSync(join(tmpdir(), 'lockutils-copy-'));
let second: typeof import('@oslo-concurrency/lockutils');

beforeAll(async () => {
  const dist = dirname(fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils')));
  cpSync(dist, join(home, 'lockutils', 'dist'), { recursive: true });
  cpSync(join(dist, '../package.json'), join(home, 'lockutils', 'package.json'));
  symlinkSync(join(dist, '../../../node_modules'), join(home, 'node_modules'));
  second = await import(pathToFileURL(join(home, 'lockutils/dist/index.js')).href);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

it('G9 two copies of the package in one process exclude each other, internally and externally', async () => {
  expect(second.lock).not.toBe(lock);
  using directory = lockDirectory();
  for (const options of [{}, { external: true, lockPath: directory.path }]) {
    await using _held = await lock('x', options);
    await expect(second.lock('x', { ...options, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
  }
});

it('G12 a deadlock through two copies is found', async () => {
  const nested = lock('x', () => second.lock('x', () => {}));
  await expect(nested).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
});

it('errors of the other copy are recognised by code and brand', async () => {
  await using _held = await lock('x');
  const error = await second.lock('x', { blocking: false }).catch((reason: unknown) => reason);
  expect(isConcurrencyError(error, 'ERR_LOCK_NOT_ACQUIRED')).toBe(true);
});
