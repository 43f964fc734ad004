import { setTimeout as sleep } from 'node:timers/promises';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresGrant, type PostgresLeaseDriver, postgresLeaseDriver, withFence } from '../src/index.js';
import { Pooler } from './server/pooler.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

describe.skipIf(postgresMissing)(`through pgbouncer in transaction mode${withPostgres}`, () => {
  let server: PostgresServer;
  let pooler: Pooler;
  let driver: PostgresLeaseDriver;
  beforeAll(async () => {
    server = await PostgresServer.start();
    pooler = await Pooler.start(server, { default_pool_size: 2 });
    driver = postgresLeaseDriver({ url: pooler.url, pollEvery: 20 });
  });
  afterAll(async () => {
    await driver?.close();
    await pooler?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('negative control: an advisory lock lets a second client in, on the connection that the first had', async () => {
    const clients = [new pg.Client(pooler.url), new pg.Client(pooler.url)];
    const granted: unknown[] = [];
    for (const client of clients) {
      await client.connect();
      granted.push((await client.query('SELECT pg_try_advisory_lock(1) AS granted')).rows[0].granted);
    }
    expect(granted).toEqual([true, true]);
    await Promise.all(clients.map((client) => client.end()));
    await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`);
  });

  test('twelve callers of two drivers hold it one after the other, in the order of arrival, with fenced writes', async () => {
    const pool = new pg.Pool({ connectionString: pooler.url, max: 4 });
    await using other = postgresLeaseDriver({ pool, pollEvery: 20 });
    await server.sql('CREATE TABLE counter AS SELECT 0 AS value');
    const first = await lease('job', { driver, ttl: 10_000 });
    const order: number[] = [];
    const add = async (held: HeldLease<PostgresGrant>): Promise<void> => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await withFence(client, held);
      const { value } = (await client.query<{ value: number }>('SELECT value FROM counter')).rows[0] ?? {
        value: Number.NaN,
      };
      await client.query('UPDATE counter SET value = $1', [value + 1]);
      await client.query('COMMIT');
      client.release();
    };
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 12; n++)
      await new Promise<void>((waits) => {
        const body = async (held: HeldLease<PostgresGrant>): Promise<void> => {
          order.push(n);
          await add(held);
        };
        calls.push(lease('job', { driver: n % 2 === 0 ? driver : other, ttl: 10_000, onWait: () => waits() }, body));
      });
    await first.release();
    await Promise.all(calls);
    expect(order).toEqual([...order.keys()]);
    expect(await server.sql('SELECT value FROM counter')).toEqual([{ value: 12 }]);
    expect(await server.claims()).toBe(0);
    await other.close();
    await pool.end();
  });

  test('nothing of a session is left on the connections that the pooler shares', async () => {
    await lease('job', { driver, ttl: 5000 }, async () => {
      await expect(lease('job', { driver, ttl: 5000, timeout: 150 })).rejects.toMatchObject({
        code: 'ERR_LEASE_TIMEOUT',
      });
    });
    // In transactions that overlap, so that each client has another one of the pooler's two connections.
    const clients = [new pg.Client(pooler.url), new pg.Client(pooler.url)];
    for (const client of clients) {
      await client.connect();
      await client.query('BEGIN');
    }
    for (const client of clients) {
      const { rows } = await client.query(
        `SELECT (SELECT count(*) FROM pg_prepared_statements)::int AS prepared,
         (SELECT count(*) FROM pg_listening_channels())::int AS listening,
         (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')::int AS locks`,
      );
      expect(rows).toEqual([{ prepared: 0, listening: 0, locks: 0 }]);
    }
    for (const client of clients) await client.end();
  });

  test('a pooler that is killed and restarted: held leases go on, and a waiter is granted', async () => {
    // The pooler is away for as long as the machine needs to start it.
    const held = await lease('job', { driver, ttl: 20_000 });
    let next: Promise<HeldLease<PostgresGrant>> | undefined;
    await new Promise<void>((waits) => {
      next = lease('job', { driver, ttl: 20_000, onWait: () => waits() });
    });
    await pooler.crash();
    await sleep(300);
    await pooler.boot();
    await held.renew();
    await held.release();
    await (await next)?.release();
    await until(async () => (await server.claims()) === 0);
  });
});
