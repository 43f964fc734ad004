import { type HeldLease, type LeaseOptions, lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresGrant, type PostgresLeaseDriver, postgresLeaseDriver, withFence } from '../src/index.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

// Without a notification a waiter looks after a third of its ttl: after minutes here. It gives up before that.
const ttl = 600_000;
const timeout = 10_000;

/** A client that sends no LISTEN before `open` is called. */
class Gate extends pg.Client {
  static open: () => void;
  static closed = new Promise<void>((resolve) => {
    Gate.open = resolve;
  });

  override query(...args: unknown[]): never {
    const send = (): unknown => (super.query as (...all: unknown[]) => unknown)(...args);
    return (String(args[0]).startsWith('LISTEN') ? Gate.closed.then(send) : send()) as never;
  }
}

describe.skipIf(postgresMissing)(`wakes of waiters on Postgres${withPostgres}`, () => {
  let server: PostgresServer;
  const ends: (() => Promise<unknown>)[] = [];
  let names = 0;
  let name: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(async () => {
    for (const end of ends) await end();
    await server?.[Symbol.asyncDispose]();
  });

  /** A driver of another process, as far as Postgres can see, and how many statements it has sent. */
  const another = (options: { listen?: boolean; pollEvery?: number; Client?: typeof pg.Client } = {}) => {
    const { Client, ...others } = options;
    const id = `driver ${++names}`;
    const pool = new pg.Pool({ connectionString: server.url, application_name: id, ...(Client && { Client }) });
    let sent = 0;
    pool.on('acquire', () => sent++);
    const driver = postgresLeaseDriver({ pool, ...others });
    ends.push(
      () => driver.close(),
      () => pool.end(),
    );
    return { id, driver, sent: () => sent };
  };
  const deaf = () => another({ listen: false, pollEvery: 60_000 }).driver;

  /** Joins the queue, and resolves when the call waits. */
  const joined = async (driver: PostgresLeaseDriver, more: Partial<LeaseOptions> = {}) => {
    let call: Promise<HeldLease<PostgresGrant>> | undefined;
    await new Promise<void>((waits, fails) => {
      call = lease(name, { ttl, timeout, ...more, driver, onWait: () => waits() });
      call.catch(fails);
    });
    return { call: call as Promise<HeldLease<PostgresGrant>> };
  };
  /** Joins the queue, and resolves when the call listens, and has looked since for what it may have missed. */
  const listening = async (more: Partial<LeaseOptions> = {}) => {
    const { id, driver, sent } = another();
    const waiter = await joined(driver, more);
    await until(
      async () =>
        (
          await server.sql(
            `SELECT 1 FROM pg_stat_activity listener JOIN pg_stat_activity looks USING (application_name)
             WHERE application_name = $1 AND listener.query LIKE 'LISTEN %' AND looks.query LIKE '%SELECT ticket, token%'
             AND looks.query_start > listener.query_start AND looks.state = 'idle'`,
            [id],
          )
        ).length > 0,
    );
    return { ...waiter, id, sent };
  };
  const fresh = (): void => {
    name = `name ${++names}`;
  };

  test('a release wakes the waiter', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call } = await listening();
    await held.release();
    await (await call).release();
  });

  test('a waiter behind another one is not granted the lease before it, however often it looks', async () => {
    fresh();
    const stop = new AbortController();
    const held = await lease(name, { driver: deaf(), ttl });
    const first = await joined(deaf(), { signal: stop.signal });
    first.call.catch(() => {});
    const { driver, sent } = another({ listen: false, pollEvery: 20 });
    const second = await joined(driver);
    let granted = false;
    void second.call.then(() => {
      granted = true;
    });
    await held.release();
    const before = sent();
    await until(() => sent() > before + 5);
    expect(granted).toBe(false);
    stop.abort();
    await (await second.call).release();
  });

  test('a waiter that leaves wakes the one behind it, which may owe its turn to that', async () => {
    fresh();
    const stop = new AbortController();
    const held = await lease(name, { driver: deaf(), ttl });
    const first = await joined(deaf(), { signal: stop.signal });
    first.call.catch(() => {});
    const second = await listening();
    await held.release();
    stop.abort();
    await (await second.call).release();
  });

  test('a waiter that was granted one of several permits wakes the next one, which there may be room for too', async () => {
    fresh();
    const only = await lease(name, { driver: deaf(), ttl });
    const waiters = [await listening({ permits: 3 }), await listening({ permits: 3 }), await listening({ permits: 3 })];
    await only.release();
    const held = await Promise.all(waiters.map(({ call }) => call));
    for (const one of held) await one.release();
  });

  test('a release inside of a fenced transaction wakes the waiter, which is granted the lease after the commit', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call, id } = await listening();
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query('BEGIN');
    await withFence(client, held);
    const [moment] = await server.sql<{ now: string }>('SELECT clock_timestamp()::text AS now');
    await held.release();
    // It has looked, and found the fence.
    const looked = `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND query LIKE '%SELECT ticket, token%'
      AND query_start > $2::timestamptz AND state = 'idle'`;
    await until(async () => (await server.sql(looked, [id, moment?.now])).length > 0);
    await client.query('COMMIT');
    await (await call).release();
    await client.end();
  });

  test('a release that comes after the join and before LISTEN is noticed as soon as the driver listens', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call } = await joined(another({ Client: Gate }).driver);
    await held.release();
    Gate.open();
    await (await call).release();
  });

  test('a connection that listens and breaks: the waiter looks, listens anew, and is woken by the next release', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call, id } = await listening();
    const listeners = `SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND application_name = $1`;
    const [old] = await server.sql<{ pid: number }>(listeners, [id]);
    await server.sql('SELECT pg_terminate_backend($1)', [old?.pid]);
    await until(async () => {
      const [now] = await server.sql<{ pid: number }>(listeners, [id]);
      return now !== undefined && now.pid !== old?.pid;
    });
    await held.release();
    await (await call).release();
  });

  test('a waiter that waits asks the server nothing: news counts once', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call, sent } = await listening();
    const before = sent();
    const begun = performance.now();
    for (let n = 0; n < 30; n++) await server.sql('SELECT 1');
    // Only to keep its place: once in a third of the ten seconds that it lasts.
    expect(sent() - before).toBeLessThanOrEqual(1 + Math.floor((performance.now() - begun) / 3000));
    await held.release();
    await (await call).release();
  });

  test('a waiter looks when the lease of a dead holder ends, long before it would have to keep its own place', async () => {
    fresh();
    const request = { name, ttl: 500, permits: 1, label: undefined, now: () => performance.now(), waiting() {} };
    await deaf().tryAcquire(request, new AbortController().signal);
    const { call } = await listening();
    await (await call).release();
  });

  test('a waiter whose place was removed joins again', async () => {
    fresh();
    const held = await lease(name, { driver: deaf(), ttl });
    const { call } = await listening({ ttl: 1500 });
    await server.sql('DELETE FROM oslo_leases_claims WHERE name = $1 AND token IS NULL', [name]);
    await held.release();
    await (await call).release();
  });
});
