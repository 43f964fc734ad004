import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';
import { runFixture } from '../support/run-fixture.js';

it('every lock, lease and function of the lock path works with an absolute path after the working directory was removed, and refuses a relative one with advice', async () => {
  using base = lockDirectory();
  const { stdout, stderr } = await runFixture('in-removed-directory.mjs', { base: base.path });
  expect(stderr).toBe('');
  const { report, relative } = JSON.parse(stdout) as { [kind: string]: Record<string, string> };
  expect(Object.keys(report ?? {}).length).toBeGreaterThan(30);
  expect(Object.entries(report ?? {}).filter(([, what]) => what !== 'done')).toEqual([]);
  expect(Object.keys(relative ?? {})).toHaveLength(11);
  expect(Object.entries(relative ?? {}).filter(([, what]) => what !== 'no-working-directory locks')).toEqual([]);
});

const bin = (name: string): string => fileURLToPath(new URL(`../../bin/${name}.js`, import.meta.url));

it.each([
  ['lockutils', ['run', '--lock-path', 'LOCKS', 'x', '--', 'echo', 'hi'], 'hi'],
  ['lockutils', ['run', '--config-file', 'LOCKS.conf', '--if-killed', 'hold', 'x', '--', 'echo', 'hi'], 'hi'],
  ['lockutils', ['run', '--lease', 'file://LOCKS', 'x', '--', 'echo', 'hi'], 'hi'],
  ['lockutils', ['ls', '--lock-path', 'LOCKS'], 'NAME'],
  ['lockutils', ['ls', '--config-dir', 'LOCKS.d'], 'NAME'],
  ['lockutils', ['clean', '--lock-path', 'LOCKS'], 'removed 0'],
  ['lockutils-wrapper', ['echo', 'hi'], 'hi'],
])('%s %s works after the working directory was removed', async (command, args, output) => {
  using base = lockDirectory();
  const locks = join(base.path, 'locks');
  const gone = join(base.path, 'gone');
  for (const directory of [locks, gone, `${locks}.d`]) mkdirSync(directory);
  for (const file of [`${locks}.conf`, `${locks}.d/a.conf`])
    writeFileSync(file, `[oslo_concurrency]\nlock_path=${locks}\n`);
  const words = args.map((word) => word.replace('LOCKS', locks));
  const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
  const { error, stdout, stderr } = await new Promise<{ error: Error | null; stdout: string; stderr: string }>((done) =>
    execFile(
      'sh',
      ['-c', script, 'sh', gone, process.execPath, bin(command), ...words],
      { env: { ...process.env, OSLO_LOCK_PATH: '' } },
      (error, stdout, stderr) => done({ error, stdout, stderr }),
    ),
  );
  expect({ stderr, error }).toEqual({ stderr: '', error: null });
  expect(stdout).toContain(output);
});
