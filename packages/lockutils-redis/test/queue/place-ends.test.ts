import { lease } from '@oslo-concurrency/lockutils';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ioredisSource } from '../../src/client/ioredis.js';
import { Lane } from '../../src/client/lane.js';
import { redisLeaseDriver } from '../../src/index.js';
import { LeaseSteps, type Look, type PlaceKey } from '../../src/queue/lease-steps.js';
import { RedisServer, redisMissing, withRedis } from '../server/redis-server.js';

type Busy = Exclude<Look, { token: bigint }>;

describe.skipIf(redisMissing)(`the end of a place in Redis${withRedis}`, () => {
  let server: RedisServer;
  let lane: Lane;
  let steps: LeaseSteps;
  beforeAll(async () => {
    server = await RedisServer.start();
    lane = new Lane(ioredisSource(new Redis(server.url, { lazyConnect: true })), 2000);
    steps = new LeaseSteps(lane, 'oslo-concurrency:', 2000);
  });
  afterAll(async () => {
    lane?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const place = (name: string, ttl: number): PlaceKey =>
    steps.place({ name, ttl, permits: 1, label: undefined, now: () => performance.now(), waiting() {} });
  const look = async (key: PlaceKey): Promise<Look> => steps.look(key, true, undefined, () => {});
  const micros = async (): Promise<number> => {
    const [seconds, rest] = (await server.cli('TIME')).split('\n').map(Number) as [number, number];
    return seconds * 1_000_000 + rest;
  };
  const record = (name: string, { id }: PlaceKey): Promise<string> =>
    server.cli('HGET', `oslo-concurrency:{${name}}:processes`, id);
  /** What is left of a place, or of a lease, in milliseconds by the server's clock. */
  const left = async (name: string, key: PlaceKey): Promise<number> =>
    (Number((await record(name, key)).split(' ')[0]) - (await micros())) / 1000;
  const setLeft = async (name: string, key: PlaceKey, ms: number): Promise<void> => {
    const text = (await record(name, key)).replace(/^\d+/, String((await micros()) + ms * 1000));
    await server.cli('HSET', `oslo-concurrency:{${name}}:processes`, key.id, text);
  };

  test('a place lasts ten seconds at most, however long the ttl; a grant lasts the whole ttl', async () => {
    const [holder, waiter] = [place('long', 60_000), place('long', 60_000)];
    await look(holder);
    await look(waiter);
    expect(await left('long', waiter)).toBeLessThanOrEqual(10_000);
    expect(await left('long', holder)).toBeGreaterThan(50_000);
    expect(Number(await server.cli('PTTL', 'oslo-concurrency:{long}:queue'))).toBeLessThanOrEqual(10_500);
    await steps.leave(holder, 0);
    expect((await look(waiter)).token).toBeGreaterThan(0n);
    expect(await left('long', waiter)).toBeGreaterThan(50_000);
    await steps.leave(waiter, 0);
  });

  test('a waiter learns when the place right before it ends, and the first one when the lease ends', async () => {
    const [holder, first, second, third] = [1, 2, 3, 4].map(() => place('rest', 60_000)) as [
      PlaceKey,
      PlaceKey,
      PlaceKey,
      PlaceKey,
    ];
    for (const key of [holder, first, second, third]) await look(key);
    await setLeft('rest', first, 9000);
    await setLeft('rest', second, 6000);
    /** The look of `key` answers what is left of `other`, whose rest is read before and after it. */
    const learns = async (key: PlaceKey, other: PlaceKey): Promise<void> => {
      const before = await left('rest', other);
      const { rest } = (await look(key)) as Busy;
      expect(rest).toBeLessThanOrEqual(Math.ceil(before));
      expect(rest).toBeGreaterThanOrEqual(Math.floor(await left('rest', other)));
    };
    await learns(third, second);
    await learns(second, first);
    await learns(first, holder);
  });

  test('a server clock that was set back makes no place longer than its whole time from now', async () => {
    const [holder, first, second] = [1, 2, 3].map(() => place('back', 8000)) as [PlaceKey, PlaceKey, PlaceKey];
    for (const key of [holder, first, second]) await look(key);
    await setLeft('back', first, 3_600_000);
    expect(((await look(second)) as Busy).rest).toBeLessThanOrEqual(8000);
    expect(await left('back', first)).toBeLessThanOrEqual(8000);
  });

  test('a place that has ended leaves the queue, with its record, when the one behind it looks', async () => {
    const [holder, first, second, third] = [1, 2, 3, 4].map(() => place('ended', 8000)) as [
      PlaceKey,
      PlaceKey,
      PlaceKey,
      PlaceKey,
    ];
    for (const key of [holder, first, second, third]) await look(key);
    await setLeft('ended', second, -1);
    expect((await look(third)) as Busy).toMatchObject({ isFirst: false });
    expect(await server.waiters('ended')).toBe(2);
    expect(await record('ended', second)).toBe('');
    await setLeft('ended', first, -1);
    expect((await look(third)) as Busy).toMatchObject({ isFirst: true });
    expect(await record('ended', first)).toBe('');
    // One that was only late joins again, at the end.
    expect((await look(first)) as Busy).toMatchObject({ isFirst: false });
  });

  test('a waiter that lives keeps its place three times in that time, though its ttl is a minute', async () => {
    await using driver = redisLeaseDriver({ url: server.url });
    const held = await lease('kept', { driver, ttl: 60_000 });
    // Not the first, which looks more often.
    const waits: Promise<unknown>[] = [];
    for (let n = 0; n < 2; n++)
      await new Promise<void>((waiting) => {
        waits.push(lease('kept', { driver, ttl: 60_000, onWait: () => waiting() }, () => {}));
      });
    const [id] = (await server.cli('ZRANGE', 'oslo-concurrency:{kept}:queue', '1', '1')).split('\n');
    const ends = async (): Promise<string> =>
      (await server.cli('HGET', 'oslo-concurrency:{kept}:processes', id as string)).split(' ')[0] as string;
    // It looks once more when it is subscribed.
    await server.until(async () => (await server.cli('PUBSUB', 'CHANNELS')) !== '');
    const before = await ends();
    await server.until(async () => (await ends()) !== before);
    // Each look makes the place last ten seconds from then, by the server's clock.
    expect((Number(await ends()) - Number(before)) / 1000).toBeLessThan(5000);
    await held.release();
    await Promise.all(waits);
  });
});
