import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RedisLeaseDriver, redisLeaseDriver } from '../src/index.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const ttl = 5000;

describe.skipIf(redisMissing)(`permits, and texts that are kept, on redis${withRedis}`, () => {
  let server: RedisServer;
  let driver: RedisLeaseDriver;
  beforeAll(async () => {
    server = await RedisServer.start();
    // Twenty callers at once are connected late on a busy machine.
    driver = redisLeaseDriver({ url: server.url, requestTimeout: 10_000 });
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test('at most n hold a name at a time, and all are granted in the end, with growing tokens', async () => {
    let now = 0;
    let most = 0;
    const tokens: bigint[] = [];
    let full = (): void => {};
    const filled = new Promise<void>((resolve) => (full = resolve));
    await Promise.all(
      Array.from({ length: 20 }, () =>
        lease('pool', { driver, ttl, permits: 3 }, async ({ fencingToken }) => {
          tokens.push(fencingToken);
          most = Math.max(most, ++now);
          // The first ones wait for each other.
          if (now === 3) full();
          await filled;
          await new Promise((done) => setTimeout(done, 5));
          now--;
        }),
      ),
    );
    expect(most).toBe(3);
    expect(tokens).toEqual([...tokens].sort((a, b) => Number(a - b)));
    expect(new Set(tokens).size).toBe(20);
    expect(await server.leftovers()).toBe('');
  });

  test('a release lets as many in as fit, though it calls one', async () => {
    // None looks by itself before it has to keep its place, after a third of ten seconds.
    await using calling = redisLeaseDriver({ url: server.url, pollEvery: 60_000 });
    const options = { driver: calling, ttl: 60_000 };
    const alone = await lease('many', options);
    let waiting = 0;
    const waits: Promise<HeldLease>[] = [];
    for (let n = 0; n < 3; n++) waits.push(lease('many', { ...options, permits: 3, onWait: () => waiting++ }));
    await server.until(async () => waiting === 3);
    const released = performance.now();
    await alone.release();
    const held = await Promise.all(waits);
    expect(performance.now() - released).toBeLessThan(2500);
    for (const one of held) await one.release();
  });

  test('the smallest number counts, of the holders and the newcomer; one that wants to be alone holds up those behind it', async () => {
    const [first, second] = [
      await lease('mixed', { driver, ttl, permits: 2 }),
      await lease('mixed', { driver, ttl, permits: 5 }),
    ];
    const full = { code: 'ERR_LEASE_NOT_ACQUIRED' };
    // A holder admits two, whatever the newcomer admits.
    await expect(lease('mixed', { driver, ttl, permits: 9, blocking: false })).rejects.toMatchObject(full);
    await expect(lease('mixed', { driver, ttl, blocking: false })).rejects.toMatchObject(full);
    const order: string[] = [];
    const queue = async (name: string, permits: number): Promise<{ readonly held: Promise<HeldLease> }> => {
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => (waits = resolve));
      const held = lease('mixed', { driver, ttl, permits, onWait: waits }).then((granted) => {
        order.push(name);
        return granted;
      });
      await waiting;
      return { held };
    };
    const alone = await queue('alone', 1);
    const late = await queue('late', 5);
    await second.release();
    // There is room for `late`, but `alone` came first.
    await expect(lease('mixed', { driver, ttl, permits: 2, blocking: false })).rejects.toMatchObject(full);
    expect(order).toEqual([]);
    await first.release();
    await (await alone.held).release();
    await (await late.held).release();
    expect(order).toEqual(['alone', 'late']);
  });

  test('a text is kept with the name for as long as was said, and only a holder writes it', async () => {
    const { signal } = new AbortController();
    const held = await lease('text', { driver, ttl });
    const { record } = held.grant;
    expect(await record.read(signal)).toBeUndefined();
    expect(await record.write('done by a', 60_000, signal)).toBe(true);
    await held.release();
    expect(await record.write('too late', 60_000, signal)).toBe(false);
    const next = await lease('text', { driver, ttl });
    expect(await next.grant.record.read(signal)).toBe('done by a');
    expect(await next.grant.record.write('done by b', 30, signal)).toBe(true);
    await server.until(async () => (await next.grant.record.read(signal)) === undefined);
    await next.release();
    expect(await server.leftovers()).toBe('');
  });

  test('an answer that came while this process was busy is not late', async () => {
    await using busy = redisLeaseDriver({ url: server.url, requestTimeout: 400 });
    const held = await lease('busy', { driver: busy, ttl });
    for (let n = 0; n < 3; n++) {
      const renewed = held.renew();
      // The step is sent, and then nothing runs for longer than it may take.
      await Promise.resolve();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      await renewed;
    }
    await held.release();
  });
});
