// What lead, oncePer, permits and leaseAll promise, on Redis.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { jobPromises } from '../../../job-promises.js';
import { deadWaiterPromise } from '../../../lease-promises.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const module = new URL('./fixtures/driver-module.mjs', import.meta.url);

describe.skipIf(redisMissing)(`jobs on redis${withRedis}`, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describe.concurrent('by either client, by turns', () => {
    const options = (index: number) => ({ url: server.url, by: index % 2 === 0 ? 'ioredis' : 'redis' });
    for (const { title, run } of jobPromises({ module, options, ttl: 2000 })) test(title, run);
    const dead = deadWaiterPromise({ module, options: () => options(0), ttl: 60_000, place: 10_000 });
    test(dead.title, dead.run);
  });

  test('nothing is left in redis but tokens and the records of runs', async () => {
    await server.until(async () => !/:(held|queue|processes)/.test(await server.cli('KEYS', '*')));
  });
});
