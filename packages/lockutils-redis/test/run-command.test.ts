import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lease } from '@oslo-concurrency/lockutils';
import { describe, expect, test } from 'vitest';
import { redisLeaseDriver } from '../src/index.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const manifest = fileURLToPath(import.meta.resolve('@oslo-concurrency/lockutils/package.json'));
const lockutils = join(dirname(manifest), 'bin', 'lockutils.js');

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `lockutils run --lease url ...args` */
function run(url: string, env: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } };
    execFile(process.execPath, [lockutils, 'run', '--lease', url, ...args], options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe.skipIf(redisMissing)(`lockutils run --lease redis://${withRedis}`, () => {
  test('holds the lease while the command runs, with the password of REDISCLI_AUTH, and leaves nothing behind', async () => {
    await using server = await RedisServer.start({ password: 'hidden' });
    const outcome = await run(server.url, { REDISCLI_AUTH: 'hidden' }, 'x', '--', 'echo', 'ran');
    expect(outcome).toEqual({ status: 0, stdout: 'ran\n', stderr: '' });
    expect(await server.leftovers()).toBe('');
  });

  test('does not run the command while another holder has the lease', async () => {
    await using server = await RedisServer.start();
    await using driver = redisLeaseDriver({ url: server.url });
    await lease('x', { driver, ttl: 10_000 }, async () => {
      const { status, stdout } = await run(server.url, {}, 'x', '--no-wait', '--', 'echo', 'ran');
      expect(status).toBe(1);
      expect(stdout).toBe('');
    });
  });

  test('refuses a password on the command line, and does not repeat it', async () => {
    const { status, stderr } = await run('redis://:hidden@127.0.0.1:1', {}, 'x', '--', 'echo', 'ran');
    expect(status).toBe(64);
    expect(stderr).toContain('REDISCLI_AUTH');
    expect(stderr).not.toContain('hidden');
  });
});
