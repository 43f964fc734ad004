// The earlier majors of both clients that the package accepts: what depends on the client, by each of them.
import { lease, oncePer } from '@oslo-concurrency/lockutils';
import { createCluster } from 'redis-4';
import { createSentinel } from 'redis-5';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { redisLeaseDriver } from '../src/index.js';
import { earlierNames, earlierWays } from './server/clients.js';
import { TcpProxy } from './server/proxy.js';
import { freePort, RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const ttl = 4000;

test('a cluster of redis 4, which hides its configuration, is refused, and so are the sentinels of redis 5', () => {
  for (const client of [createCluster({ rootNodes: [] }), createSentinel({ name: 'x', sentinelRootNodes: [] })]) {
    expect(() => redisLeaseDriver({ client: client as never })).toThrow('createCluster from version 5 on');
  }
});

describe.skipIf(redisMissing).each(earlierNames)(`by %s${withRedis}`, (way) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  test('a waiter is called by the release, long before it would poll, and nothing is left', async () => {
    await using driver = redisLeaseDriver({ ...earlierWays[way](server.url), pollEvery: 60_000 });
    await using other = redisLeaseDriver({ ...earlierWays[way](server.url), pollEvery: 60_000 });
    const long = { ttl: 60_000 };
    const held = await lease('called', { driver, ...long });
    await held.renew();
    let waits = (): void => {};
    const waiting = new Promise<void>((resolve) => (waits = resolve));
    const next = lease('called', { driver: other, ...long, onWait: waits }, ({ fencingToken }) => fencingToken);
    await waiting;
    await server.until(async () => (await server.cli('PUBSUB', 'CHANNELS')) !== '');
    await held.release();
    expect(await next).toBeGreaterThan(held.fencingToken);
    const options = { driver, ttl, afterCrash: 'skip' } as const;
    expect(await oncePer('report', 'monday', options, () => 1)).toMatchObject({ ran: true, value: 1 });
    expect(await oncePer('report', 'monday', options, () => 1)).toMatchObject({ ran: false });
    expect((await server.leftovers()).split('\n').filter((key) => !key.endsWith(':record'))).toEqual([]);
  });

  test('a script cache that was flushed, and a connection that was cut, cost no error', async () => {
    await using proxy = await TcpProxy.start(server.port);
    await using driver = redisLeaseDriver(earlierWays[way](proxy.url));
    await lease('cut', { driver, ttl }, () => {});
    await server.cli('SCRIPT', 'FLUSH');
    await lease('cut', { driver, ttl }, () => {});
    proxy.cut();
    await lease('cut', { driver, ttl }, () => {});
  });

  test('nobody listens, a wrong password, a mute server: each has its code, and settles in time', async () => {
    const codeOf = async (url: string, requestTimeout = 4000): Promise<string> => {
      await using driver = redisLeaseDriver({ ...earlierWays[way](url), requestTimeout });
      const error: unknown = await lease('error', { driver, ttl }, () => {}).catch((thrown: unknown) => thrown);
      return (error as { code: string }).code;
    };
    expect(await codeOf(`redis://127.0.0.1:${await freePort()}`)).toBe('ERR_REDIS_UNREACHABLE');
    await using locked = await RedisServer.start({ password: 'right' });
    expect(await codeOf(locked.url.replace('//', '//:wrong@'))).toBe('ERR_REDIS_AUTH');
    await using proxy = await TcpProxy.start(server.port);
    proxy.mute = true;
    const begun = performance.now();
    expect(await codeOf(proxy.url, 500)).toBe('ERR_REDIS_TIMEOUT');
    expect(performance.now() - begun).toBeLessThan(ttl + 2000);
  });
});
