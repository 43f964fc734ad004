import { verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

let url = '';
const subject = (by: string, flaw: boolean) => ({
  module: new URL('./fixtures/driver-module.mjs', import.meta.url),
  options: {
    get url() {
      return url;
    },
    by,
    flaw,
  },
  ttl: 2000,
});

describe.skipIf(redisMissing)(`the redis driver is a lease driver${withRedis}`, () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
    url = server.url;
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  describe.concurrent.each(['ioredis', 'redis'])('by the client %s it keeps the promises', (by) => {
    for (const { title, run } of verifyLeaseDriver(subject(by, false))) test(title, run);
  });

  test('nothing is left in redis', async () => {
    await server.untilEmpty();
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(subject('ioredis', true)).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
