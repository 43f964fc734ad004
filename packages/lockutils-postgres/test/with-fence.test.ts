import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { lease } from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type PostgresLeaseDriver, postgresLeaseDriver, withFence } from '../src/index.js';
import { PostgresServer, postgresMissing, serverFolder, withPostgres } from './server/postgres-server.js';

const ttl = 5000;

describe.skipIf(postgresMissing)(`withFence${withPostgres}`, () => {
  let server: PostgresServer;
  let driver: PostgresLeaseDriver;
  let client: pg.Client;
  let names = 0;
  const freshName = (): string => `name-${++names}`;

  beforeAll(async () => {
    server = await PostgresServer.start();
    driver = postgresLeaseDriver({ url: server.url });
    await server.sql('CREATE TABLE counters (value integer)');
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    client = new pg.Client(server.url);
    await client.connect();
  });
  afterEach(() => client.end());
  /** Ends the lease in the server, as its clock would, before its holder can have heard of it. */
  const expire = (name: string): Promise<unknown> =>
    server.sql(`UPDATE oslo_leases_claims SET expires_at = 'epoch' WHERE name = $1 AND token IS NOT NULL`, [name]);
  const refused = expect.objectContaining({ code: 'ERR_LEASE_NOT_ACQUIRED' });
  const attempt = (name: string) =>
    lease(name, { driver, ttl, blocking: false }, () => 'granted').catch((error: unknown) => error);

  test('lets the transaction commit while the lease is held', async () => {
    await lease(freshName(), { driver, ttl }, async (held) => {
      await client.query('BEGIN');
      await withFence(client, held);
      await client.query('INSERT INTO counters VALUES (1)');
      await client.query('COMMIT');
    });
    expect(await server.sql('SELECT value FROM counters')).toEqual([{ value: 1 }]);
  });

  test('refuses when the lease has expired, though nobody else holds it, and the lease is lost', async () => {
    const name = freshName();
    // The fence learns of it, and not a renewal before it.
    const held = await lease(name, { driver, ttl: 60_000 });
    await expire(name);
    await client.query('BEGIN');
    await expect(withFence(client, held)).rejects.toMatchObject({
      code: 'ERR_FENCED_OUT',
      leaseName: name,
      fencingToken: held.fencingToken,
    });
    await client.query('ROLLBACK');
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await expect(withFence(client, held)).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
  });

  test('refuses when a successor holds the lease', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 60_000 });
    await expire(name);
    const successor = await lease(name, { driver, ttl });
    await client.query('BEGIN');
    await expect(withFence(client, held)).rejects.toMatchObject({ code: 'ERR_FENCED_OUT' });
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await withFence(client, successor);
    await client.query('COMMIT');
    await successor.release();
  });

  test('makes a successor wait until the commit, though the lease has expired long before', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    await client.query('BEGIN');
    await withFence(client, held);
    await expire(name);
    expect(await attempt(name)).toEqual(refused);
    let committed = false;
    const next = lease(name, { driver, ttl }).then((successor) => ({ successor, committed }));
    await sleep(200);
    committed = true;
    await client.query('COMMIT');
    const { successor, committed: before } = await next;
    expect(before).toBe(true);
    await successor.release();
  });

  test('makes a successor wait until the rollback of a transaction whose holder has released inside of it', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    await client.query('BEGIN');
    await withFence(client, held);
    await held.release();
    expect(await attempt(name)).toEqual(refused);
    await client.query('ROLLBACK');
    expect(await attempt(name)).toBe('granted');
    expect(await server.sql('SELECT 1 FROM oslo_leases_claims WHERE name = $1', [name])).toEqual([]);
  });

  test('lets the renewals of the holder through, and other names alone', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    await client.query('BEGIN');
    await withFence(client, held);
    await held.renew();
    await held.renew();
    expect(await attempt(freshName())).toBe('granted');
    await client.query('COMMIT');
    await held.release();
  });

  test('ends with the connection of its holder', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    const other = new pg.Client(server.url);
    other.on('error', () => {});
    await other.connect();
    await other.query('BEGIN');
    await withFence(other, held);
    await expire(name);
    expect(await attempt(name)).toEqual(refused);
    const next = lease(name, { driver, ttl });
    await server.sql('SELECT pg_terminate_backend($1)', [(other as unknown as { processID: number }).processID]);
    await (await next).release();
  });

  test('works in a transaction that is serializable', async () => {
    const held = await lease(freshName(), { driver, ttl });
    await held.renew();
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await withFence(client, held);
    await held.renew();
    await client.query('INSERT INTO counters VALUES (2)');
    await client.query('COMMIT');
    await held.release();
  });

  test('misuse is refused: outside of a transaction, a pool, another lease, no client', async () => {
    await lease(freshName(), { driver, ttl }, async (held) => {
      const misuse = { code: 'ERR_INVALID_OPTION' };
      const pool = new pg.Pool({ connectionString: server.url });
      await expect(withFence(client, held)).rejects.toMatchObject({ ...misuse, option: 'client' });
      await expect(withFence(pool, held)).rejects.toMatchObject({ ...misuse, option: 'client' });
      await expect(withFence({} as never, held)).rejects.toMatchObject({ ...misuse, option: 'client' });
      await pool.end();
      const lockPath = serverFolder();
      const file = await lease('x', { driver: lockfileLeaseDriver({ lockPath }), ttl });
      await client.query('BEGIN');
      await expect(withFence(client, file as never)).rejects.toMatchObject({ ...misuse, option: 'held' });
      await expect(withFence(client, {} as never)).rejects.toMatchObject({ ...misuse, option: 'held' });
      await client.query('ROLLBACK');
      await file.release();
      rmSync(lockPath, { recursive: true, force: true });
    });
  });
});
