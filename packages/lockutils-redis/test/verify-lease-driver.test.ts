import { type LeaseDriverSubject, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const clients = ['ioredis', 'redis'];

/**
 * Each client has a server of its own, and another one for the checks that disturb it: these wait for each other, and the rest
 * does not wait for them.
 */
const servers = new Map<string, RedisServer>();
const disturbed = (by: string): string => `${by}, disturbed`;
const subject = (by: string, flaw = false, served = by): LeaseDriverSubject => {
  const server = (): RedisServer => servers.get(served) as RedisServer;
  return {
    module: new URL('./fixtures/driver-module.mjs', import.meta.url),
    options: {
      get url() {
        return server().url;
      },
      by,
      flaw,
    },
    ttl: 2000,
    ordered: true,
    engine: {
      async restart() {
        await server().crash();
        await server().boot();
      },
      async wipe() {
        await server().crash();
        server().forget();
        await server().boot();
      },
      async mute() {
        server().kill('SIGSTOP');
        return async () => server().kill('SIGCONT');
      },
      async revoke(name) {
        await server().cli('DEL', `oslo-concurrency:{${name}}:held`, `oslo-concurrency:{${name}}:processes`);
      },
      async silence() {
        // Nobody may publish, as where an administrator forbids the channels.
        await server().cli('ACL', 'SETUSER', 'default', 'resetchannels');
        return async () => void (await server().cli('ACL', 'SETUSER', 'default', 'allchannels'));
      },
    },
  };
};

describe.skipIf(redisMissing)(`the redis driver is a lease driver${withRedis}`, () => {
  beforeAll(async () => {
    for (const one of clients.flatMap((by) => [by, disturbed(by)]))
      servers.set(one, await RedisServer.start({ flags: ['--appendonly', 'yes'] }));
  });
  afterAll(async () => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  describe.concurrent.each(clients)('by the client %s it keeps the promises', (by) => {
    for (const { title, disturbs, run } of verifyLeaseDriver(subject(by))) if (!disturbs) test(title, run);
  });

  describe.concurrent.each(clients)('by the client %s, on a server that is disturbed, it keeps the promises', (by) => {
    for (const { title, disturbs, run } of verifyLeaseDriver(subject(by, false, disturbed(by))))
      if (disturbs) test(title, run);
  });

  test('nothing is left in redis', async () => {
    for (const server of servers.values()) await server.untilEmpty();
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(subject('ioredis', true)).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
