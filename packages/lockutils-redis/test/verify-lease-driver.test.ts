import { type LeaseDriverSubject, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const clients = ['ioredis', 'redis'];

/** Each client has a server of its own: a check that kills the server waits for the other checks of its subject only. */
const servers = new Map<string, RedisServer>();
const serverFor = (by: string): RedisServer => servers.get(by) as RedisServer;
const subject = (by: string, flaw = false): LeaseDriverSubject => ({
  module: new URL('./fixtures/driver-module.mjs', import.meta.url),
  options: {
    get url() {
      return serverFor(by).url;
    },
    by,
    flaw,
  },
  ttl: 2000,
  ordered: true,
  engine: {
    async restart() {
      await serverFor(by).crash();
      await serverFor(by).boot();
    },
    async wipe() {
      await serverFor(by).crash();
      serverFor(by).forget();
      await serverFor(by).boot();
    },
    async mute() {
      serverFor(by).kill('SIGSTOP');
      return async () => serverFor(by).kill('SIGCONT');
    },
    async revoke(name) {
      await serverFor(by).cli('DEL', `oslo-concurrency:{${name}}:held`, `oslo-concurrency:{${name}}:processes`);
    },
    async silence() {
      // Nobody may publish, as where an administrator forbids the channels.
      await serverFor(by).cli('ACL', 'SETUSER', 'default', 'resetchannels');
      return async () => void (await serverFor(by).cli('ACL', 'SETUSER', 'default', 'allchannels'));
    },
  },
});

describe.skipIf(redisMissing)(`the redis driver is a lease driver${withRedis}`, () => {
  beforeAll(async () => {
    for (const by of clients) servers.set(by, await RedisServer.start({ flags: ['--appendonly', 'yes'] }));
  });
  afterAll(async () => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]();
  });

  describe.concurrent.each(clients)('by the client %s it keeps the promises', (by) => {
    for (const { title, run } of verifyLeaseDriver(subject(by))) test(title, run);
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
