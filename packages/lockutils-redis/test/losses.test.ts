import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogger } from '@oslo-concurrency/core';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { type RedisLeaseDriver, redisLeaseDriver } from '../src/index.js';
import { sentinelWays } from './server/clients.js';
import { TcpProxy } from './server/proxy.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';
import { Sentinel } from './server/sentinel.js';

// What README names under "What Redis can lose": each of these must be seen, since a page that warns of what does not
// happen is as wrong as one that is silent.

// So long that no holder renews, and learns of its loss by that, before the test has looked at both.
const ttl = 60_000;
const sentinelNames = Object.keys(sentinelWays) as (keyof typeof sentinelWays)[];
const faketime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
const faketimeMissing = !existsSync(faketime);
if (faketimeMissing && process.env.CI && process.arch === 'x64')
  throw new Error('libfaketime is missing: apt-get install libfaketime');

describe.skipIf(redisMissing)(`what Redis can lose${withRedis}`, () => {
  const drivers: RedisLeaseDriver[] = [];
  const connect = (url: string): RedisLeaseDriver => {
    const driver = redisLeaseDriver({ url });
    drivers.push(driver);
    return driver;
  };
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()));
  });

  /** Two hold at one instant, and the later one has the greater token. */
  const expectTwoHolders = async (first: HeldLease, second: Promise<HeldLease>): Promise<HeldLease> => {
    const later = await second;
    expect(first.signal.aborted).toBe(false);
    expect(later.signal.aborted).toBe(false);
    expect(later.fencingToken).toBeGreaterThan(first.fencingToken);
    return later;
  };
  /** The one that was robbed learns of it by its next renewal, and its release hurts nobody. */
  const expectRobbed = async (first: HeldLease, later: HeldLease): Promise<void> => {
    await expect(first.renew()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await expect(first.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    await later.renew();
    await later.release();
  };

  test('negative control: a replica that is promoted before the grant arrived lets a second holder in, with a greater token', async () => {
    await using master = await RedisServer.start();
    await using replication = await TcpProxy.start(master.port);
    await using replica = await RedisServer.start({ flags: ['--replicaof', '127.0.0.1', String(replication.port)] });
    await using address = await TcpProxy.start(master.port);
    await replica.until(async () => /master_link_status:up/.test(await replica.cli('INFO', 'replication')));
    const driver = connect(address.url);
    const arrived = await lease('arrived', { driver, ttl });
    await replica.until(async () => (await replica.cli('KEYS', '*{arrived}:held')) !== '');
    replication.mute = true;
    const held = await lease('lost', { driver, ttl });
    await master.crash();
    await replica.cli('REPLICAOF', 'NO', 'ONE');
    address.target = replica.port;
    address.cut();
    const other = connect(replica.url);
    const later = await expectTwoHolders(held, lease('lost', { driver: other, ttl }));
    // The grant that had arrived is kept.
    await expect(lease('arrived', { driver: other, ttl, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await arrived.renew();
    await arrived.release();
    await expectRobbed(held, later);
  });

  test('by sentinels and redis: a lease asks again while the sentinels name no master, more often than the client alone', async () => {
    await using master = await RedisServer.start();
    await using sentinel = await Sentinel.start(master.port, 2);
    const flags = async (): Promise<string> => sentinel.cli('SENTINEL', 'MASTER', sentinel.name);
    await master.until(async () => !/s_down|disconnected/.test(await flags()));
    await using questions = await TcpProxy.start(sentinel.port);
    const requestTimeout = 15_000;
    const driver = redisLeaseDriver({ ...sentinelWays.redis(sentinel.name, questions.port), requestTimeout });
    drivers.push(driver);
    master.kill('SIGSTOP');
    await master.until(async () => /s_down/.test(await flags()));
    const granted = lease('between', { driver, ttl: 60_000 });
    // The client alone sleeps for a second before it asks again, so it would ask fifteen times before the request ends.
    await master.until(async () => questions.joined > 20);
    master.kill('SIGCONT');
    await (await granted).release();
  });

  // A failover takes some seconds, and the loss itself is shown above, with a replica that is promoted.
  test.runIf(process.env.SOAK).each(sentinelNames)(
    'negative control, by sentinels and %s: a failover before the grant arrived lets a second holder in, and keeps those that had (only with SOAK)',
    async (way) => {
      await using master = await RedisServer.start();
      // The address of the master: its connections of now can be made silent, with others still served.
      await using address = await TcpProxy.start(master.port);
      await using replica = await RedisServer.start({ flags: ['--replicaof', '127.0.0.1', String(address.port)] });
      await replica.until(async () => /master_link_status:up/.test(await replica.cli('INFO', 'replication')));
      await using sentinel = await Sentinel.start(address.port);
      await replica.until(async () => /slaves=1/.test(await sentinel.cli('INFO', 'sentinel')));
      const long = 60_000;
      const join = (): RedisLeaseDriver => {
        const driver = redisLeaseDriver(sentinelWays[way](sentinel.name, sentinel.port));
        drivers.push(driver);
        return driver;
      };
      const early = await lease('arrived', { driver: join(), ttl: long });
      await replica.until(async () => (await replica.cli('KEYS', '*{arrived}:held')) !== '');
      address.forget();
      const held = await lease('lost', { driver: join(), ttl: long });
      await master.crash();
      await replica.until(async () => (await sentinel.master()) === replica.port);
      await replica.until(async () => /role:master/.test(await replica.cli('INFO', 'replication')));
      const other = join();
      const later = await expectTwoHolders(held, lease('lost', { driver: other, ttl: long }));
      await expect(lease('arrived', { driver: other, ttl: long, blocking: false })).rejects.toMatchObject({
        code: 'ERR_LEASE_NOT_ACQUIRED',
      });
      // The drivers find the new master by themselves. How soon is up to the client.
      await replica.until(() => early.renew().then(() => true));
      await early.release();
      await replica.until(() =>
        held
          .renew()
          .catch(({ code }) => code === 'ERR_LEASE_LOST')
          .then(Boolean),
      );
      await expectRobbed(held, later);
    },
  );

  test('negative control: a server that is killed and comes back without its data lets a second holder in, with a greater token', async () => {
    await using server = await RedisServer.start();
    const held = await lease('lost', { driver: connect(server.url), ttl });
    await server.crash();
    await server.boot();
    const later = await expectTwoHolders(held, lease('lost', { driver: connect(server.url), ttl }));
    await expectRobbed(held, later);
  });

  test('negative control: a server that comes back with an append-only file whose end is lost knows the earlier leases, and lets a second holder in where the lost one was', async () => {
    await using server = await RedisServer.start({ flags: ['--appendonly', 'yes'] });
    const long = 60_000;
    const early = await lease('early', { driver: connect(server.url), ttl: long });
    const size = server.appended();
    const held = await lease('lost', { driver: connect(server.url), ttl: long });
    await server.crash();
    // In the middle of the record of the grant, as after a loss of power.
    server.cutAppended(size + 20);
    await server.boot();
    expect(await server.cli('EXISTS', 'oslo-concurrency:{lost}:token')).toBe('0');
    const later = await expectTwoHolders(held, lease('lost', { driver: connect(server.url), ttl: long }));
    await expect(lease('early', { driver: connect(server.url), ttl: long, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await early.renew();
    await early.release();
    await expectRobbed(held, later);
    const next = await lease('early', { driver: connect(server.url), ttl: long }, ({ fencingToken }) => fencingToken);
    expect(next).toBeGreaterThan(early.fencingToken);
  });

  test('a server that evicts keys is warned of once, by the first lease; one that does not, or whose memory has no bound, is not', async () => {
    await using server = await RedisServer.start({ flags: ['--maxmemory', '100mb'] });
    const warnings: string[] = [];
    const ignore = (): void => {};
    setLogger({ debug: ignore, info: ignore, warn: (message) => void warnings.push(message), error: ignore });
    onTestFinished(() => setLogger(undefined));
    const names = ['one', 'two'];
    const leaseAll = async (): Promise<void> => {
      const driver = connect(server.url);
      for (const name of names) await lease(name, { driver, ttl }, () => {});
      await driver.close();
    };
    await leaseAll();
    await server.cli('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
    await leaseAll();
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await leaseAll();
    expect(warnings).toEqual([expect.stringContaining(`redis at 127.0.0.1:${server.port} evicts keys`)]);
    expect(warnings[0]).toContain('maxmemory-policy volatile-ttl');
  });

  test('negative control: keys that are evicted let a second holder in, with a greater token', async () => {
    await using server = await RedisServer.start({ flags: ['--maxmemory-policy', 'allkeys-lru'] });
    const held = await lease('lost', { driver: connect(server.url), ttl });
    await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    await server.until(async () => (await server.cli('DBSIZE').catch(() => '')) === '0');
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    const later = await expectTwoHolders(held, lease('lost', { driver: connect(server.url), ttl }));
    await expectRobbed(held, later);
  });

  describe.skipIf(faketimeMissing)(
    `a clock that is set${faketimeMissing ? ' (skipped: needs the Debian package libfaketime)' : ''}`,
    () => {
      /** A server whose wall clock is shifted by what `set` is told, as by an administrator or a bad time server. */
      async function withClock(body: (server: RedisServer, set: (shift: string) => void) => Promise<void>) {
        const folder = mkdtempSync(join(tmpdir(), 'redis-clock-'));
        const file = join(folder, 'shift');
        // In one step: a server that reads the file while it is empty has another time for a moment.
        const set = (shift: string): void => {
          writeFileSync(`${file}.new`, shift);
          renameSync(`${file}.new`, file);
        };
        set('+0');
        const env = {
          // jemalloc reads the clock before libfaketime is ready, so libc's malloc goes first.
          LD_PRELOAD: `${faketime}:/lib/x86_64-linux-gnu/libc.so.6`,
          FAKETIME_TIMESTAMP_FILE: file,
          FAKETIME_NO_CACHE: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        };
        try {
          await using server = await RedisServer.start({ env });
          await body(server, set);
          await Promise.all(drivers.splice(0).map((driver) => driver.close()));
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      }

      test('negative control: a server clock that is set forward lets a second holder in, with a greater token', async () => {
        await withClock(async (server, set) => {
          const held = await lease('lost', { driver: connect(server.url), ttl });
          set('+3600');
          const later = await expectTwoHolders(held, lease('lost', { driver: connect(server.url), ttl }));
          await expectRobbed(held, later);
        });
      });

      test('a server clock that is set back: no second holder, tokens grow, and a dead holder is followed after its ttl', async () => {
        await withClock(async (server, set) => {
          const [driver, other] = [connect(server.url), connect(server.url)];
          const held = await lease('back', { driver, ttl });
          set('-3600');
          await expect(lease('back', { driver: other, ttl, blocking: false })).rejects.toMatchObject({
            code: 'ERR_LEASE_NOT_ACQUIRED',
          });
          await held.renew();
          await held.release();
          const { signal } = new AbortController();
          const request = {
            name: 'back',
            ttl: 500,
            permits: 1,
            label: undefined,
            now: () => performance.now(),
            waiting() {},
          };
          const dead = await driver.tryAcquire(request, signal);
          expect(dead?.token).toBeGreaterThan(held.fencingToken);
          set('-7200');
          const begun = performance.now();
          const next = await lease('back', { driver: other, ttl });
          expect(performance.now() - begun).toBeLessThan(500 + 2000);
          expect(performance.now()).toBeGreaterThan(dead?.validUntil ?? Number.POSITIVE_INFINITY);
          expect(next.fencingToken).toBeGreaterThan(dead?.token ?? 0n);
          await next.release();
        });
      });
    },
  );
});
