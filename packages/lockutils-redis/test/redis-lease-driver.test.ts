import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leasePromises } from '../../../lease-promises.js';
import { type RedisLeaseDriver, redisLeaseDriver } from '../src/index.js';
import { wayNames, ways } from './server/clients.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

describe.skipIf(redisMissing).each(wayNames)(`leases on one Redis, by %s${withRedis}`, (way) => {
  let server: RedisServer;
  let driver: RedisLeaseDriver;
  let names = 0;
  const freshName = (): string => `name-${++names}`;
  const another = (): RedisLeaseDriver => redisLeaseDriver(ways[way](server.url));

  beforeAll(async () => {
    server = await RedisServer.start();
    driver = another();
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const promises = leasePromises({
    another,
    leftovers: () => server.leftovers(),
    empty: '',
    closed: 'ERR_REDIS_CLOSED',
  });
  for (const { title, run } of promises) test(title, run);

  test('fn holds the lease, its value comes back, and nothing is left in redis but the last token, for a day', async () => {
    const name = freshName();
    const value = await lease(name, { driver, ttl: 20_000 }, async (held) => {
      held.assertHeld();
      expect(await server.leftovers()).not.toBe('');
      return 'done';
    });
    expect(value).toBe('done');
    expect(await server.leftovers()).toBe('');
    const left = Number(await server.cli('PTTL', `oslo-concurrency:{${name}}:token`));
    expect(left).toBeGreaterThan(23 * 3600 * 1000);
    expect(left).toBeLessThanOrEqual(24 * 3600 * 1000);
  });

  test('one release calls one waiter, and only the first one polls', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 30_000 });
    const stop = new AbortController();
    const joining = performance.now();
    const waits: Promise<HeldLease | undefined>[] = [];
    for (let n = 0; n < 10; n++) {
      await new Promise<void>((waiting) => {
        const options = { driver, ttl: 30_000, signal: stop.signal, onWait: () => waiting() };
        waits.push(lease(name, options).catch(() => undefined));
      });
    }
    const before = await commands(server);
    const began = performance.now();
    await held.release();
    await server.until(async () => (await server.waiters(name)) === 9);
    const after = await commands(server);
    expect(after.publish - before.publish).toBe(1);
    // The release, and the look of the one that was called; what the first one polls, once a second; and that each keeps
    // its place, once in a third of the ten seconds that it lasts.
    const polls = Math.ceil((performance.now() - began) / 1000);
    const keeps = 10 * Math.floor((performance.now() - joining) / 3000);
    expect(after.scripts - before.scripts).toBeLessThanOrEqual(3 + polls + keeps);
    stop.abort();
    for (const granted of await Promise.all(waits)) await granted?.release();
  });

  test('a token is the greater of the last one and one more, and the clock of the server in microseconds', async () => {
    const name = freshName();
    const [seconds, micros] = (await server.cli('TIME')).split('\n').map(BigInt) as [bigint, bigint];
    const now = seconds * 1_000_000n + micros;
    const first = await lease(name, { driver, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    expect(first).toBeGreaterThan(now);
    expect(first).toBeLessThan(now + 60_000_000n);
    await server.cli('SET', `oslo-concurrency:{${name}}:token`, String(first + 3_600_000_000n));
    const next = await lease(name, { driver, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    expect(next).toBe(first + 3_600_000_001n);
  });

  test('names with braces, percents and colons are different names', async () => {
    const odd = ['a', '{a}', '}', '{}', '%7D', 'a}:held', 'a:held'];
    const held = await Promise.all(
      odd.map((name) => lease(name, { driver, ttl: 20_000, blocking: false, label: name })),
    );
    for (const name of odd) expect(await driver.holders(name)).toMatchObject([{ label: name }]);
    await Promise.all(held.map((one) => one.release()));
    expect(await server.leftovers()).toBe('');
  });

  test('close leaves nothing of a mere waiter, nor of one that is just joining, and ends all connections', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 5000 });
    const before = await server.leftovers();
    // Without the one that asks. Those of the driver that closes are new ones; what stood before may end at any time.
    const connections = async (): Promise<(string | undefined)[]> => {
      const lines = (await server.cli('CLIENT', 'LIST')).split('\n').filter((line) => !line.includes('cmd=client'));
      return lines.map((line) => /\bid=(\d+)/.exec(line)?.[1]);
    };
    const stood = new Set(await connections());
    for (const joining of [false, true]) {
      const other = another();
      const refused = (wait?: () => void) =>
        expect(lease(name, { driver: other, ttl: 5000, ...(wait && { onWait: wait }) })).rejects.toMatchObject({
          code: 'ERR_REDIS_CLOSED',
        });
      let refusal: Promise<void> | undefined;
      if (joining) refusal = refused();
      else await new Promise<void>((waits) => (refusal = refused(waits)));
      await other.close();
      await refusal;
      expect(await server.leftovers()).toBe(before);
    }
    await server.until(async () => (await connections()).every((id) => stood.has(id)));
    await held.release();
  });

  test('G4 a lease deleted under its holder: the signal aborts at the next renewal, the late release hurts no successor', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 5000, renewEvery: 300 });
    const lost = new Promise((aborted) => held.signal.addEventListener('abort', aborted, { once: true }));
    await server.cli('DEL', ...['held', 'processes', 'queue'].map((part) => `oslo-concurrency:{${name}}:${part}`));
    const successor = await lease(name, { driver, ttl: 5000 });
    expect(successor.fencingToken).toBeGreaterThan(held.fencingToken);
    await lost;
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    await successor.renew();
    await successor.release();
  });

  test('G4 a lease that has ended, and that nobody followed, is gone for its renewal and its release', async () => {
    const name = freshName();
    const { signal } = new AbortController();
    const request = { name, ttl: 500, label: undefined, permits: 1, now: () => performance.now(), waiting() {} };
    const grant = await driver.tryAcquire(request, signal);
    await server.until(async () => performance.now() > (grant?.validUntil ?? 0) + 50);
    expect(await grant?.renew(signal)).toBeUndefined();
    expect(await grant?.release(signal)).toBe(false);
    const again = await driver.tryAcquire(request, signal);
    await server.until(async () => performance.now() > (again?.validUntil ?? 0) + 50);
    expect(await again?.release(signal)).toBe(false);
  });

  test('every key of a holder and of a waiter ends by itself, shortly after its ttl', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 8000 });
    const next = lease(name, { driver, ttl: 8000 }, () => {});
    await server.until(async () => (await server.waiters(name)) === 1);
    const keys = (await server.leftovers()).split('\n');
    expect(keys).toHaveLength(3);
    for (const key of keys) {
      const left = Number(await server.cli('PTTL', key));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(8500);
    }
    await held.release();
    await next;
  });

  test('a script cache that was flushed costs the text once more, and nothing else', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 20_000 });
    await server.cli('SCRIPT', 'FLUSH');
    await held.renew();
    await server.cli('SCRIPT', 'FLUSH');
    const next = lease(name, { driver, ttl: 20_000 }, ({ fencingToken }) => fencingToken);
    await held.release();
    expect(await next).toBeGreaterThan(held.fencingToken);
    expect(await server.leftovers()).toBe('');
  });
});

describe.skipIf(redisMissing)(`a client of the user's own${withRedis}`, () => {
  test('is neither connected nor used nor closed by the driver', async () => {
    await using server = await RedisServer.start();
    for (const client of [new Redis(server.url, { lazyConnect: true }), createClient({ url: server.url })]) {
      await using driver = redisLeaseDriver({ client });
      await lease('own', { driver, ttl: 20_000 }, () => {});
      expect('status' in client ? client.status : client.isOpen).toBe('status' in client ? 'wait' : false);
    }
    const busy = new Redis(server.url);
    const blocked = busy.blpop('nothing', 0).catch(() => {});
    const driver = redisLeaseDriver({ client: busy });
    const held = await lease('own', { driver, ttl: 20_000 });
    await held.renew();
    await held.release();
    await driver.close();
    expect(busy.status).toBe('ready');
    busy.disconnect();
    await blocked;
  });

  test('brings its user, database and key prefix', async () => {
    await using server = await RedisServer.start();
    await server.cli('ACL', 'SETUSER', 'worker', 'on', '>secret', '~app:oslo-concurrency:*', '&*', '+@all');
    const url = server.url.replace('//', '//worker:secret@');
    for (const client of [
      new Redis(url, { db: 3, keyPrefix: 'app:', lazyConnect: true }),
      createClient({ url, database: 3, keyPrefix: 'app:' } as object),
    ]) {
      await using driver = redisLeaseDriver({ client });
      const held = await lease('own', { driver, ttl: 20_000 });
      expect(await server.cli('-n', '3', 'KEYS', '*:held')).toBe('app:oslo-concurrency:{own}:held');
      const next = lease('own', { driver, ttl: 20_000 }, () => {});
      await server.until(async () => (await server.cli('-n', '3', 'KEYS', '*:queue')) !== '');
      await held.release();
      await next;
    }
  });
});

async function commands(server: RedisServer): Promise<{ publish: number; scripts: number }> {
  const stats = await server.cli('INFO', 'commandstats');
  const count = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
  return { publish: count('publish'), scripts: count('evalsha') + count('eval') };
}
