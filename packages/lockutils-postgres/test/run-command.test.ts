import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort, PostgresServer, postgresMissing, withPostgres } from './server/postgres-server.js';

const manifest = fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils/package.json'));
const lockutils = join(dirname(manifest), 'bin', 'lockutils.js');
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

/** `lockutils run --lease url name ...args`; `ready` resolves at its first output. */
function run(url: string, name: string, ...args: string[]) {
  const child = spawn(process.execPath, [lockutils, 'run', '--lease', url, name, ...args]);
  started.push(child);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (data) => (output[stream] += data));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, ...output }));
  const ready = Promise.race([
    once(child.stdout, 'data'),
    ended.then((how) => Promise.reject(new Error(`ended before it was ready: ${JSON.stringify(how)}`))),
  ]);
  ready.catch(() => {});
  return { child, ready, ended };
}

describe.skipIf(postgresMissing)(`lockutils run --lease postgres://${withPostgres}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  const token = ['--', 'sh', '-c', 'echo $OSLO_FENCING_TOKEN'];

  test('holds the lease while the command runs, with a token that grows, and leaves nothing in Postgres', async () => {
    const holder = run(
      server.url,
      'x',
      '--label',
      'the holder',
      '--',
      'sh',
      '-c',
      'echo $OSLO_FENCING_TOKEN; read line',
    );
    await holder.ready;
    const refused = await run(server.url, 'x', '--no-wait', '-E', '5', ...token).ended;
    expect(refused).toMatchObject({ status: 5, stdout: '' });
    const next = run(server.url, 'x', ...token);
    holder.child.stdin?.end('\n');
    const [first, second] = await Promise.all([holder.ended, next.ended]);
    expect([first.status, second.status]).toEqual([0, 0]);
    expect(BigInt(second.stdout)).toBeGreaterThan(BigInt(first.stdout));
    expect(await server.claims()).toBe(0);
  });

  test('ends the command with 75 when its lease is gone', async () => {
    const holder = run(server.url, 'x', '--ttl', '1s', '--', 'sh', '-c', 'echo ready; exec sleep 600');
    await holder.ready;
    await server.sql('DELETE FROM oslo_leases_claims');
    const { status, stderr } = await holder.ended;
    expect(status).toBe(75);
    expect(stderr).toContain('Lost the lease x');
  });

  test('says 71 and which endpoint when there is no server, and 64 for a password in the URL, which it does not show', async () => {
    const port = await freePort();
    const [nobody, secret, hidden] = await Promise.all([
      run(`postgres://ann@127.0.0.1:${port}/data`, 'x', ...token).ended,
      run('postgres://ann:secret@127.0.0.1', 'x', ...token).ended,
      run('postgres://ann@127.0.0.1/data?password=secret', 'x', ...token).ended,
    ]);
    expect(nobody).toMatchObject({ status: 71, stdout: '', stderr: expect.stringContaining(`127.0.0.1:${port}/data`) });
    for (const one of [secret, hidden]) {
      expect(one).toMatchObject({ status: 64, stdout: '', stderr: expect.stringContaining('PGPASSWORD') });
      expect(one.stderr).not.toContain('secret');
    }
  });
});
