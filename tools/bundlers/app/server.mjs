// A program as a user writes it: every kind of lock, commands with all that needs a process of its own, a configuration file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { acquireAll, isConcurrencyError, loadConfigFile, lock, lockSync } from '@oslo-concurrency/lockutils';
import { execute, executeLines } from '@oslo-concurrency/processutils';

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'bundled-'));
  const seen = {};
  const note = async (what, job) => {
    try {
      seen[what] = await job();
    } catch (error) {
      seen[what] = `${error.name} ${error.code}`;
    }
  };
  try {
    writeFileSync(join(folder, 'service.conf'), `[oslo_concurrency]\nlock_path = ${folder}\n`);
    const kernel = { external: true, lockPath: mkdtempSync(join(folder, 'kernel-')) };
    const lockfile = { external: true, driver: 'lockfile', lockPath: mkdtempSync(join(folder, 'lockfile-')) };
    await note('file', () => loadConfigFile(join(folder, 'service.conf')) && 'read');
    await note('internal', () => lock('x', () => 'held'));
    await note('external', () => lock('x', kernel, () => 'held'));
    await note('sync', () => lockSync('x', kernel, () => 'held'));
    await note('all', () => acquireAll(['x', 'y'], kernel, () => 'held'));
    await note('lockfile', () => lock('x', lockfile, () => 'held'));
    await note('lockfile sync', () => lockSync('x', lockfile, () => 'held'));
    await note('execute', async () => (await execute('echo', ['hi'])).stdout);
    await note('ended', () => execute('sleep', ['60'], { timeout: 100, killGrace: 500 }));
    await note('watched', async () => (await execute('echo', ['hi'], { killOnParentExit: true })).stdout);
    await note('lines', async () => {
      for await (const line of executeLines('echo', ['one'])) return line;
    });
    await note('refused', () => lock('x', { timeout: -1 }));
    await note('recognised', () =>
      lock('x', { timeout: -1 }).catch((error) => isConcurrencyError(error, 'ERR_INVALID_OPTION')),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(JSON.stringify(seen));
}

void main();
