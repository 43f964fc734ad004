import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';
import { type RedisLeaseDriver, redisLeaseDriver } from '../src/index.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const pending = fileURLToPath(new URL('./fixtures/pending.mjs', import.meta.url));

describe.skipIf(redisMissing)(`the life of a process${withRedis}`, () => {
  let server: RedisServer;
  let driver: RedisLeaseDriver;
  beforeAll(async () => {
    server = await RedisServer.start();
    driver = redisLeaseDriver({ url: server.url });
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });

  describe.each(['ioredis', 'redis'])('by the client %s', (by) => {
    test.each(['exit', 'abort', 'terminate a worker', 'release'])(
      'G8 %s: the process ends within 500 ms, without close()',
      async (what) => {
        const took: number[] = [];
        // The best of three: what is promised is that nothing is waited for, not that this machine is idle.
        for (let n = 0; n < 3 && !took.some((ms) => ms < 500); n++) {
          const held = await lease(`${what} ${n}`, { driver, ttl: 5000 });
          const child = fork(pending, [server.url, by, `${what} ${n}`, what]);
          await once(child, 'message');
          const waits = performance.now();
          const [code] = (await once(child, 'exit')) as [number | null];
          took.push(performance.now() - waits);
          expect(code).toBe(0);
          await held.release();
        }
        expect(Math.min(...took)).toBeLessThan(500);
      },
    );
  });

  test('G10 fifty waits of one process are served in order', async () => {
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        lease('many', { driver, ttl: 10_000 }, ({ fencingToken }) => order.push(Number(fencingToken), n)),
      ),
    );
    const tokens = order.filter((_, index) => index % 2 === 0);
    expect(tokens).toHaveLength(50);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
    expect(order.filter((_, index) => index % 2 === 1)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });
});

test('G22 importing it adds no listener, loads neither client and patches nothing', () => {
  const program = `
    const listeners = () => JSON.stringify(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
    const before = [listeners(), globalThis.fetch, Object.getOwnPropertySymbols(globalThis).length];
    const { createRequire } = await import('node:module');
    await import('@oslo-concurrency/lockutils');
    await import('@oslo-concurrency/lockutils-redis');
    const after = [listeners(), globalThis.fetch, Object.getOwnPropertySymbols(globalThis).length];
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache ?? {});
    console.log(JSON.stringify({ same: before[0] === after[0] && before[1] === after[1],
      clients: loaded.filter((path) => /node_modules.(ioredis|redis|@redis)/.test(path)) }));`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const run = String(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd }));
  expect(JSON.parse(run)).toEqual({ same: true, clients: [] });
});

test('G22 importing it after lockutils is two files of at most 70,000 characters, and needs no more modules of Node', () => {
  const after = [import.meta.resolve('@oslo-concurrency/lockutils')];
  const footprint = importFootprint(import.meta.resolve('@oslo-concurrency/lockutils-redis'), { after });
  expect(footprint.files).toHaveLength(2);
  expect(footprint.kilocharacters).toBeLessThanOrEqual(70);
  expect(footprint.nodeModules).toBe(0);
});
