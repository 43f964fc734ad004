import { setLogger } from '@oslo-concurrency/core';
import { lease } from '@oslo-concurrency/lockutils';
import { describe, expect, test } from 'vitest';
import { redisLeaseDriver } from '../src/index.js';
import { wayNames, ways } from './server/clients.js';
import { TcpProxy } from './server/proxy.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const ttl = 2000;
const elapsed = (since: number): number => performance.now() - since;

describe.skipIf(redisMissing).each(wayNames)(`a server that does not answer, by %s${withRedis}`, (way) => {
  test('G30 a mute server: release, lease and close settle within ttl + 2 s, and say what is left behind', async () => {
    await using server = await RedisServer.start();
    // So short that this process may stand still for a second, and the driver's error still comes before that of the call.
    const connect = () => redisLeaseDriver({ ...ways[way](server.url), requestTimeout: 1000 });
    const [driver, closing] = [connect(), connect()];
    const held = await lease('mute', { driver, ttl });
    const other = await lease('closed', { driver: closing, ttl });
    const body = { entered: (): void => {}, leave: (): void => {} };
    const entered = new Promise<void>((resolve) => (body.entered = resolve));
    const around = lease('around', { driver, ttl }, () => {
      body.entered();
      return new Promise<void>((resolve) => (body.leave = resolve));
    });
    await entered;
    const warnings: string[] = [];
    const ignore = (): void => {};
    setLogger({ debug: ignore, info: ignore, warn: (message) => warnings.push(message), error: ignore });
    server.kill('SIGSTOP');
    try {
      const begun = performance.now();
      body.leave();
      const outcome = (work: Promise<unknown>): Promise<{ code: string; took: number }> =>
        work.then(
          () => ({ code: 'fulfilled', took: elapsed(begun) }),
          (error: { code: string }) => ({ code: error.code, took: elapsed(begun) }),
        );
      // A driver without a connection yet, beside one whose connection has become silent.
      const fresh = connect();
      const [released, ran, asked, once, unconnected, closed] = await Promise.all([
        outcome(held.release()),
        outcome(around),
        outcome(lease('mute-too', { driver, ttl })),
        outcome(lease('mute-too', { driver, ttl, blocking: false })),
        outcome(lease('mute-too', { driver: fresh, ttl })),
        outcome(closing.close()),
      ]);
      for (const { took } of [released, ran, asked, once, unconnected, closed]) expect(took).toBeLessThan(ttl + 2000);
      for (const { code } of [released, ran, asked, once, unconnected]) expect(code).toBe('ERR_REDIS_TIMEOUT');
      expect(closed.code).toBe('fulfilled');
      expect(other.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
      expect(warnings.join('\n')).toMatch(/closed could not be removed|left behind are .* for closed/);
      await fresh.close();
    } finally {
      setLogger(undefined);
      server.kill('SIGCONT');
    }
    await lease('mute', { driver, ttl }, () => {});
    await driver.close();
    await server.untilEmpty();
  });

  test('half-open connections: the driver opens others by itself, and leaves nothing behind', async () => {
    await using server = await RedisServer.start();
    await using proxy = await TcpProxy.start(server.port);
    await using driver = redisLeaseDriver({ ...ways[way](proxy.url), requestTimeout: 500 });
    const ttl = 10_000;
    await lease('half-open', { driver, ttl }, () => {});
    proxy.mute = true;
    await expect(lease('half-open', { driver, ttl })).rejects.toMatchObject({ code: 'ERR_REDIS_TIMEOUT' });
    proxy.forget();
    proxy.mute = false;
    await lease('half-open', { driver, ttl }, () => {});
    await server.untilEmpty();
  });

  test('a step that arrives after its removal is removed again', async () => {
    await using server = await RedisServer.start();
    await using proxy = await TcpProxy.start(server.port);
    await using driver = redisLeaseDriver({ ...ways[way](proxy.url), requestTimeout: 500 });
    await lease('overtaken', { driver, ttl: 60_000 }, () => {});
    for (const blocking of [true, false]) {
      const deliver = proxy.hold();
      const timedOut = { code: 'ERR_REDIS_TIMEOUT' };
      await expect(lease('overtaken', { driver, ttl: 60_000, blocking })).rejects.toMatchObject(timedOut);
      // The removal went by another connection.
      await lease('overtaken', { driver, ttl: 60_000 }, () => {});
      const granted = async () => (await server.cli('GET', 'oslo-concurrency:{overtaken}:token')) as string;
      const before = await granted();
      deliver();
      await server.until(async () => (await granted()) !== before);
      await server.untilEmpty();
    }
  });

  test('a release whose answer was lost with its connection is a release, not a loss', async () => {
    await using server = await RedisServer.start();
    await using proxy = await TcpProxy.start(server.port);
    await using driver = redisLeaseDriver(ways[way](proxy.url));
    // The server knows the scripts then, and one question is one step.
    await lease('unheard', { driver, ttl: 60_000 }, () => {});
    const held = await lease('unheard', { driver, ttl: 60_000 });
    proxy.swallowing = true;
    const released = held.release();
    await server.untilEmpty();
    proxy.swallowing = false;
    proxy.cut();
    await released;
  });

  test('a connection that broke unnoticed costs one more try, and no error', async () => {
    await using server = await RedisServer.start();
    await using driver = redisLeaseDriver(ways[way](server.url));
    for (let n = 0; n < 3; n++) {
      const held = await lease('unnoticed', { driver, ttl: 60_000 });
      // This process is busy while it happens, and sends before it can hear of it.
      server.cliSync('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await held.renew();
      server.cliSync('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await held.release();
    }
    expect(await server.leftovers()).toBe('');
  });

  test('a connection that was cut while idle costs one more try, and no error', async () => {
    await using server = await RedisServer.start();
    await using driver = redisLeaseDriver(ways[way](server.url));
    for (let n = 0; n < 5; n++) {
      const held = await lease('cut', { driver, ttl: 60_000 });
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await held.renew();
      await server.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await held.release();
    }
    expect(await server.leftovers()).toBe('');
  });
});
