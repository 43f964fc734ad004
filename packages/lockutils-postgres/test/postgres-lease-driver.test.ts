import { setTimeout as sleep } from 'node:timers/promises';
import { lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leasePromises } from '../../../lease-promises.js';
import { type PostgresLeaseDriver, postgresLeaseDriver } from '../src/index.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

/** Resolves when the call waits; answers the call. */
async function waiting<T>(begin: (onWait: () => void) => Promise<T>): Promise<{ readonly call: Promise<T> }> {
  let call: Promise<T> | undefined;
  await new Promise<void>((waits, fails) => {
    call = begin(waits);
    call.catch(fails);
  });
  return { call: call as Promise<T> };
}

describe.skipIf(postgresMissing)(`leases in Postgres${withPostgres}`, () => {
  let server: PostgresServer;
  let driver: PostgresLeaseDriver;
  let names = 0;
  const freshName = (): string => `name-${++names}`;

  beforeAll(async () => {
    server = await PostgresServer.start();
    driver = postgresLeaseDriver({ url: server.url });
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const promises = leasePromises({
    // A hundred calls at once wait for the same few connections, on a busy machine for seconds.
    another: () => postgresLeaseDriver({ url: server.url, requestTimeout: 20_000 }),
    leftovers: () => server.claims(),
    empty: 0,
    closed: 'ERR_POSTGRES_CLOSED',
  });
  for (const { title, run } of promises) test(title, run);

  test('G28 a release notifies one waiter, and no other one asks the server', async () => {
    const name = freshName();
    const [holder, ...others] = Array.from({ length: 4 }, () => postgresLeaseDriver({ url: server.url }));
    const listener = new pg.Client(server.url);
    await listener.connect();
    const held = await lease(name, { driver: holder as PostgresLeaseDriver, ttl: 60_000 });
    const heard: string[] = [];
    const calls: Promise<unknown>[] = [];
    for (const one of others)
      calls.push((await waiting((onWait) => lease(name, { driver: one, ttl: 60_000, onWait }))).call);
    const channels = await server.sql<{ channel: string; claim: string }>(
      'SELECT channel, claim FROM oslo_leases_claims WHERE name = $1 AND token IS NULL ORDER BY ticket',
      [name],
    );
    expect(new Set(channels.map(({ channel }) => channel)).size).toBe(3);
    for (const { channel } of channels) await listener.query(`LISTEN ${channel}`);
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    // All wait by their own listening connections now, which each had them look once more.
    await until(
      async () => (await server.sql(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN oslo_%'`)).length >= 3,
    );
    const granted: number[] = [];
    calls.forEach((call, n) => void call.then(() => granted.push(n)));
    await held.release();
    const next = (await calls[0]) as { release(): Promise<void> };
    await listener.query('SELECT 1');
    expect(heard).toEqual([channels[0]?.claim]);
    expect(granted).toEqual([0]);
    await next.release();
    for (const call of calls.slice(1)) await ((await call) as typeof next).release();
    expect(heard).toEqual(channels.map(({ claim }) => claim));
    await listener.end();
    await Promise.all([holder, ...others].map((one) => one?.close()));
  });

  test('a waiter that joins while the lease is being released is granted it at once', async () => {
    await server.sql(`CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF OLD.name = 'slow' AND OLD.token IS NOT NULL THEN PERFORM pg_sleep(0.5); END IF; RETURN NULL; END $$`);
    await server.sql('CREATE TRIGGER slow AFTER DELETE ON oslo_leases_claims FOR EACH ROW EXECUTE FUNCTION slowly()');
    const held = await lease('slow', { driver, ttl: 600_000 });
    const releasing = held.release();
    await until(
      async () => (await server.sql(`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'`)).length > 0,
    );
    const { call } = await waiting((onWait) => lease('slow', { driver, ttl: 600_000, timeout: 10_000, onWait }));
    await releasing;
    const next = await call;
    await server.sql('DROP TRIGGER slow ON oslo_leases_claims');
    await next.release();
  });

  test('of two grants that look at the same moment one is granted, and the other finds the lease held', async () => {
    const name = freshName();
    await lease(name, { driver, ttl: 5000 }, () => {});
    const client = new pg.Client(server.url);
    await client.connect();
    await client.query('BEGIN');
    // Both statements look, and then wait for this lock.
    await client.query('SELECT 1 FROM oslo_leases WHERE name = $1 FOR UPDATE', [name]);
    const both = [1, 2].map(() =>
      lease(name, { driver, ttl: 5000, blocking: false }).catch((error: { code: string }) => error.code),
    );
    const blocked = `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`;
    await until(async () => (await server.sql(blocked)).length === 2);
    await client.query('COMMIT');
    const outcomes = await Promise.all(both);
    expect(outcomes.filter((one) => one === 'ERR_LEASE_NOT_ACQUIRED')).toHaveLength(1);
    for (const one of outcomes) if (typeof one !== 'string') await one.release();
    await client.end();
  });

  test('a waiter that leaves passes on what it alone could have known', async () => {
    const name = freshName();
    const stop = new AbortController();
    // The first in the queue notices nothing by itself for as long as this test may take.
    await using deaf = postgresLeaseDriver({ url: server.url, listen: false, pollEvery: 60_000 });
    const held = await lease(name, { driver, ttl: 60_000 });
    const first = await waiting((onWait) => lease(name, { driver: deaf, ttl: 60_000, onWait, signal: stop.signal }));
    const second = await waiting((onWait) => lease(name, { driver, ttl: 60_000, onWait }));
    first.call.catch(() => {});
    await held.release();
    stop.abort();
    await (await second.call).release();
  });

  test('a waiter that cannot listen polls', async () => {
    const name = freshName();
    await using polling = postgresLeaseDriver({ url: server.url, listen: false, pollEvery: 20 });
    const held = await lease(name, { driver, ttl: 60_000 });
    const { call } = await waiting((onWait) => lease(name, { driver: polling, ttl: 60_000, onWait }));
    const [row] = await server.sql<{ channel: unknown }>(
      'SELECT channel FROM oslo_leases_claims WHERE name = $1 AND token IS NULL',
      [name],
    );
    expect(row?.channel).toBeNull();
    await held.release();
    await (await call).release();
  });

  test('names are told apart, also long ones', async () => {
    const name = freshName();
    const long = 'n'.repeat(10_000);
    for (const one of [
      `${name}/x`,
      `${name}%`,
      `${name}'; DROP TABLE oslo_leases; --`,
      `${long}a`,
      `${long}b`,
      'ü'.repeat(600),
    ])
      await lease(name, { driver, ttl: 20_000, blocking: false }, () =>
        lease(one, { driver, ttl: 20_000, blocking: false }, async () => {
          await expect(lease(one, { driver, ttl: 20_000, blocking: false })).rejects.toMatchObject({
            code: 'ERR_LEASE_NOT_ACQUIRED',
          });
        }),
      );
  });

  test('long names that differ only at their ends are held at the same time', async () => {
    const long = 'n'.repeat(10_000);
    await lease(`${long}a`, { driver, ttl: 20_000, blocking: false }, () =>
      lease(`${long}b`, { driver, ttl: 20_000, blocking: false }, () => {}),
    );
  });

  test.each(['repeatable read', 'serializable'])('works where transactions are %s by default', async (isolation) => {
    const name = freshName();
    const url = `${server.url}?options=${encodeURIComponent(`-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`)}`;
    const drivers = Array.from({ length: 3 }, () => postgresLeaseDriver({ url }));
    let inside = 0;
    let total = 0;
    await Promise.all(
      Array.from({ length: 15 }, (_, n) =>
        lease(name, { driver: drivers[n % 3] as PostgresLeaseDriver, ttl: 10_000 }, async () => {
          expect(++inside).toBe(1);
          await sleep(1);
          inside--;
          total++;
        }),
      ),
    );
    expect(total).toBe(15);
    await Promise.all(drivers.map((one) => one.close()));
  });

  test('close ends all connections of the driver', async () => {
    // Only its own connections are counted: those of the tests before may still be ending.
    const own = () => server.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'closing'");
    const other = postgresLeaseDriver({ url: `${server.url}?application_name=closing` });
    const name = freshName();
    await lease(name, { driver: other, ttl: 2000 });
    const { call } = await waiting((onWait) => lease(name, { driver: other, ttl: 2000, onWait }));
    call.catch(() => {});
    expect((await own()).length).toBeGreaterThan(0);
    await other.close();
    await until(async () => (await own()).length === 0);
  });

  test('a pool of the user stays open, and its connections are as they were', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 2 });
    const own = postgresLeaseDriver({ pool });
    const held = await lease('pooled', { driver: own, ttl: 2000 });
    await own.close();
    expect(held.signal.aborted).toBe(true);
    const { rows } = await pool.query('SELECT count(*)::int AS prepared FROM pg_prepared_statements');
    expect(rows).toEqual([{ prepared: 0 }]);
    expect(pool.totalCount).toBe(pool.idleCount);
    await pool.end();
  });

  test('a pool whose connections all wait for leases, or are in use, does not keep its leases from being held', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    await using own = postgresLeaseDriver({ pool, requestTimeout: 500 });
    const client = await pool.connect();
    // Each request waits for the pool first, on a busy machine for longer than a short lease lasts.
    const held = await lease('starved', { driver: own, ttl: 60_000 });
    await held.renew();
    const { call } = await waiting((onWait) => lease('starved', { driver: own, ttl: 60_000, onWait }));
    await held.release();
    await (await call).release();
    client.release();
    await own.close();
    await pool.end();
  });

  test('a client that was returned to the pool inside of a transaction grants nothing that is rolled back', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    await using own = postgresLeaseDriver({ pool });
    const client = await pool.connect();
    await client.query('BEGIN');
    client.release();
    const held = await lease('leaked', { driver: own, ttl: 20_000 });
    expect(await server.sql(`SELECT 1 FROM oslo_leases_claims WHERE name = 'leaked'`)).toHaveLength(1);
    await held.release();
    await own.close();
    await pool.end();
  });

  test('G4 a row that an operator deletes: the holder learns of it, and the late release hurts no successor', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 5000 });
    await server.sql('DELETE FROM oslo_leases_claims WHERE name = $1', [name]);
    const successor = await lease(name, { driver, ttl: 5000 });
    expect(successor.fencingToken).toBeGreaterThan(held.fencingToken);
    await held.renew().catch(() => {});
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    await successor.renew();
    await successor.release();
  });

  test('tokens grow when the tables are dropped, and the driver creates them again', async () => {
    const own = postgresLeaseDriver({ url: server.url, table: 'dropped' });
    const first = await lease('job', { driver: own, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    await server.sql('DROP TABLE dropped, dropped_claims');
    const second = await lease('job', { driver: own, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    expect(second).toBeGreaterThan(first);
    // A clock that is set back: the row of the name keeps the tokens growing.
    await server.sql(`UPDATE dropped SET token = token + 10000000000`);
    const third = await lease('job', { driver: own, ttl: 2000 }, ({ fencingToken }) => fencingToken);
    expect(third).toBe(second + 10_000_000_001n);
    await own.close();
  });

  test('a new driver removes what dead processes left more than a minute ago, under any name', async () => {
    await lease(freshName(), { driver, ttl: 2000 }, () => {});
    await server.sql(`INSERT INTO oslo_leases_claims (claim, name, permits, expires_at, owner)
      SELECT gen_random_uuid(), 'left behind', 1, clock_timestamp() - left_for, left_for::text
      FROM unnest(ARRAY[interval '2 minutes', interval '1 second']) left_for`);
    await using fresh = postgresLeaseDriver({ url: server.url });
    await lease(freshName(), { driver: fresh, ttl: 2000 }, () => {});
    expect(await server.sql(`SELECT owner FROM oslo_leases_claims WHERE name = 'left behind'`)).toEqual([
      { owner: '00:00:01' },
    ]);
    await server.sql(`DELETE FROM oslo_leases_claims WHERE name = 'left behind'`);
  });

  test('many processes may create the tables at the same moment', async () => {
    const drivers = Array.from({ length: 8 }, () => postgresLeaseDriver({ url: server.url, table: 'public.at_once' }));
    await Promise.all(drivers.map((one, n) => lease(`job-${n}`, { driver: one, ttl: 5000 }, () => {})));
    await Promise.all(drivers.map((one) => one.close()));
    expect(await server.claims('at_once_claims')).toBe(0);
  });

  test('at most as many hold a lease as each of them permits, in the order of arrival', async () => {
    const name = freshName();
    const two = () => lease(name, { driver, ttl: 5000, permits: 2 });
    const [a, b] = [await two(), await two()];
    expect(b.fencingToken).toBeGreaterThan(a.fencingToken);
    await expect(lease(name, { driver, ttl: 5000, permits: 2, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    const exclusive = await waiting((onWait) => lease(name, { driver, ttl: 5000, onWait }));
    const third = await waiting((onWait) => lease(name, { driver, ttl: 5000, permits: 2, onWait }));
    const order: string[] = [];
    void exclusive.call.then(() => order.push('exclusive'));
    void third.call.then(() => order.push('third'));
    await a.release();
    await b.release();
    const alone = await exclusive.call;
    expect(order).toEqual(['exclusive']);
    await alone.release();
    await (await third.call).release();
    // One release that makes room for two is told to both.
    const only = await lease(name, { driver, ttl: 60_000 });
    const both = [await waiting((onWait) => lease(name, { driver, ttl: 60_000, permits: 2, onWait }))];
    both.push(await waiting((onWait) => lease(name, { driver, ttl: 60_000, permits: 2, onWait })));
    await only.release();
    for (const { call } of both) await (await call).release();
    expect(await server.claims()).toBe(0);
  });

  test('concurrent grants never exceed what one of them permits', async () => {
    const name = freshName();
    const drivers = Array.from({ length: 3 }, () => postgresLeaseDriver({ url: server.url }));
    const inside = new Map<object, number>();
    const check = (): void => expect(inside.size).toBeLessThanOrEqual(Math.min(...inside.values()));
    await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const permits = (n % 3) + 1;
        const one = drivers[n % drivers.length] as PostgresLeaseDriver;
        await lease(name, { driver: one, ttl: 10_000, permits }, async (held) => {
          inside.set(held, permits);
          check();
          await sleep(2);
          check();
          inside.delete(held);
        });
      }),
    );
    await Promise.all(drivers.map((one) => one.close()));
    expect(await server.claims()).toBe(0);
  });

  test('a grant is durable though the user turned synchronous commits off', async () => {
    const own = await PostgresServer.start('synchronous_commit=off', 'wal_writer_delay=10s');
    try {
      await using held = postgresLeaseDriver({ url: own.url });
      const { fencingToken } = await lease('job', { driver: held, ttl: 20_000 });
      await own.crash();
      own.boot();
      await own.ready();
      const rows = await own.sql(`SELECT token FROM oslo_leases_claims WHERE name = 'job'`);
      expect(rows).toEqual([{ token: String(fencingToken) }]);
    } finally {
      await own[Symbol.asyncDispose]();
    }
  });
});
