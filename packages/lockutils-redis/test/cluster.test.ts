import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisLeaseDriver } from '../src/index.js';
import { clusterWays } from './server/clients.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const names = Object.keys(clusterWays) as (keyof typeof clusterWays)[];

describe.skipIf(redisMissing)(`a Redis Cluster of two masters${withRedis}`, () => {
  const servers: RedisServer[] = [];
  beforeAll(async () => {
    for (let n = 0; n < 2; n++) servers.push(await RedisServer.start({ flags: ['--cluster-enabled', 'yes'] }));
    const [one, two] = servers as [RedisServer, RedisServer];
    await one.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await two.cli('CLUSTER', 'ADDSLOTSRANGE', '8192', '16382');
    await two.cli('CLUSTER', 'SET-CONFIG-EPOCH', '2');
    await one.cli('CLUSTER', 'MEET', '127.0.0.1', String(two.port));
    // Until each knows the other one, and by that its own address.
    for (const server of servers) {
      await server.until(async () => (await server.cli('CLUSTER', 'SLOTS')).split('127.0.0.1').length === 3);
    }
  });
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  test.each(names)('by %s: a cluster with an unserved slot is ERR_REDIS_CLUSTER_DOWN', async (way) => {
    const [one] = servers as [RedisServer];
    await using driver = redisLeaseDriver(clusterWays[way]('127.0.0.1', one.port));
    await expect(lease('down', { driver, ttl: 10_000 })).rejects.toMatchObject({
      code: 'ERR_REDIS_CLUSTER_DOWN',
      endpoint: `127.0.0.1:${one.port}`,
    });
  });

  describe('with all slots served', () => {
    beforeAll(async () => {
      const [one, two] = servers as [RedisServer, RedisServer];
      await two.cli('CLUSTER', 'ADDSLOTS', '16383');
      await one.until(async () =>
        (await Promise.all(servers.map((server) => server.cli('CLUSTER', 'INFO')))).every(
          (info) => /cluster_state:ok/.test(info) && /cluster_slots_assigned:16384/.test(info),
        ),
      );
    });

    test.each(names)('by %s: names on both masters are leased, waited for and released, in order', async (way) => {
      const [one] = servers as [RedisServer];
      await using driver = redisLeaseDriver(clusterWays[way]('127.0.0.1', one.port));
      await using other = redisLeaseDriver(clusterWays[way]('127.0.0.1', one.port));
      const order: string[] = [];
      await Promise.all(
        ['a', 'b', 'c', '{', '}', 'a}b'].map(async (name) => {
          const held = await lease(name, { driver, ttl: 5000 });
          let waits = (): void => {};
          const waiting = new Promise<void>((resolve) => (waits = resolve));
          const next = lease(name, { driver: other, ttl: 5000, onWait: waits }, () => order.push(`${name} next`));
          await waiting;
          const last = lease(name, { driver, ttl: 5000 }, () => order.push(`${name} last`));
          await one.until(
            async () => (await Promise.all(servers.map((server) => server.cli('KEYS', '*:queue')))).join('') !== '',
          );
          await held.release();
          await Promise.all([next, last]);
        }),
      );
      for (const name of ['a', 'b', 'c', '{', '}', 'a}b']) {
        expect(order.indexOf(`${name} next`)).toBeLessThan(order.indexOf(`${name} last`));
      }
      for (const server of servers) expect(await server.leftovers()).toBe('');
      const tokens = await Promise.all(servers.map((server) => server.cli('KEYS', '*:token')));
      expect(tokens.every((keys) => keys !== '')).toBe(true);
    });
  });
});
