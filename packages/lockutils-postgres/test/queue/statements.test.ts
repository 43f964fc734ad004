import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Tables } from '../../src/database/tables.js';
import { type Asked, Statements } from '../../src/queue/statements.js';
import { PostgresServer, postgresMissing, withPostgres } from '../server/postgres-server.js';

const tables = new Tables('oslo_leases');
const { take, ask, join, reap, renew, remove, leave, wake, readNote, writeNote } = new Statements(tables);

describe.skipIf(postgresMissing)(`the statements of the Postgres driver${withPostgres}`, () => {
  let server: PostgresServer;
  let client: pg.Client;
  let name: string;
  let names = 0;
  beforeAll(async () => {
    server = await PostgresServer.start();
    client = new pg.Client(server.url);
    await client.connect();
    for (const creation of tables.creations) await client.query(creation);
  });
  afterAll(async () => {
    await client?.end();
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    name = `name-${++names}`;
  });

  const answer = async <A>(text: string, ...values: unknown[]): Promise<A | undefined> => {
    const [row] = (await client.query<{ answer: string }>(text, values)).rows;
    return row && (JSON.parse(row.answer) as A);
  };
  // A busy machine may stop this process, or the server, for seconds between two statements.
  const long = 30_000;
  const takes = (claim: string, permits = 1, ttl = long) =>
    answer<Asked>(take, name, claim, ttl, permits, 'owner') as Promise<Asked>;
  const asks = (claim: string, permits = 1, ttl = long) =>
    answer<Asked>(ask, name, claim, ttl, permits) as Promise<Asked>;
  const joins = async (channel: string | null = null, permits = 1): Promise<string> => {
    const claim = randomUUID();
    await client.query(join, [name, claim, long, permits, 'owner', channel]);
    return claim;
  };
  /** Sets what is left of a row, in milliseconds by the server's clock. */
  const setLeft = (claim: string, left: number) =>
    server.sql(`UPDATE oslo_leases_claims SET expires_at = clock_timestamp() + $2 * interval '1 ms' WHERE claim = $1`, [
      claim,
      left,
    ]);
  const row = async (claim: string) =>
    (
      await server.sql<{ ticket: string; token: string | null; left: number; expires: string }>(
        `SELECT ticket::text, token::text, expires_at::text AS expires,
         (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 AS left
         FROM oslo_leases_claims WHERE claim = $1`,
        [claim],
      )
    )[0];

  test('take, sent twice, grants one lease: the same token, and only what is left of its time', async () => {
    const claim = randomUUID();
    const { token, left } = await takes(claim);
    expect(left).toBe(long);
    await setLeft(claim, 10_000);
    const again = await takes(claim);
    expect(again.token).toBe(token);
    expect(again.left).toBeLessThanOrEqual(10_000);
    expect(again.left).toBeGreaterThan(0);
    await setLeft(claim, -1);
    expect((await takes(claim)).token).toBeNull();
    // Nor is it a place: the call has to join again.
    expect(await asks(claim)).toMatchObject({ token: null, queued: false });
  });

  test('a token is never less than the microseconds of the server, and greater than the last one', async () => {
    const micros = () => BigInt(Date.now() - 1000) * 1000n;
    const first = await takes(randomUUID());
    expect(BigInt(first.token ?? 0)).toBeGreaterThan(micros());
    await client.query('DELETE FROM oslo_leases_claims WHERE name = $1', [name]);
    await client.query('UPDATE oslo_leases SET token = 7 WHERE name = $1', [name]);
    const second = await takes(randomUUID());
    expect(BigInt(second.token ?? 0)).toBeGreaterThan(micros());
  });

  test('ask keeps the place of a waiter, and writes nothing while the place is still fresh', async () => {
    await takes(randomUUID());
    const waiter = await joins();
    const joined = await row(waiter);
    await asks(waiter);
    expect((await row(waiter))?.expires).toBe(joined?.expires);
    await setLeft(waiter, 3000);
    await asks(waiter);
    expect((await row(waiter))?.left).toBeGreaterThan(3000);
  });

  test('a place lasts ten seconds at most, however long the ttl; a grant lasts the whole ttl', async () => {
    const holder = randomUUID();
    await takes(holder, 1, 60_000);
    const waiter = randomUUID();
    await client.query(join, [name, waiter, 60_000, 1, 'owner', null]);
    expect((await row(waiter))?.left).toBeLessThanOrEqual(10_000);
    await setLeft(waiter, 3000);
    await asks(waiter, 1, 60_000);
    expect((await row(waiter))?.left).toBeLessThanOrEqual(10_000);
    expect((await row(waiter))?.left).toBeGreaterThan(3000);
    await answer(remove, name, holder);
    expect((await asks(waiter, 1, 60_000)).left).toBe(60_000);
    expect((await row(waiter))?.left).toBeGreaterThan(30_000);
  });

  test('a waiter learns when the place right before it ends, and the first one when the lease ends', async () => {
    const holder = randomUUID();
    await takes(holder);
    const [first, second, third] = [await joins(), await joins(), await joins()];
    await setLeft(second, 6000);
    await setLeft(first, 9000);
    /** The question of `claim` is answered with what is left of `other`, which is read before and after it. */
    const learns = async (claim: string, other: string): Promise<void> => {
      const before = (await row(other))?.left ?? 0;
      const until = Number((await asks(claim)).until);
      expect(until).toBeLessThanOrEqual(Math.ceil(before));
      expect(until).toBeGreaterThanOrEqual(Math.floor((await row(other))?.left ?? 0));
    };
    await learns(third, second);
    await learns(second, first);
    await learns(first, holder);
  });

  test('ask grants the whole time, however little was left of the place, and does not renew a lease', async () => {
    const waiter = await joins();
    await setLeft(waiter, 3000);
    expect((await asks(waiter)).left).toBe(long);
    expect((await row(waiter))?.left).toBeGreaterThan(10_000);
    await setLeft(waiter, 5000);
    expect((await asks(waiter)).left).toBeLessThanOrEqual(5000);
    expect((await row(waiter))?.left).toBeLessThanOrEqual(5000);
  });

  test('join, sent twice, makes one place, which stays where it was', async () => {
    const waiter = await joins();
    const { ticket } = (await row(waiter)) ?? {};
    await client.query(join, [name, waiter, long, 1, 'owner', null]);
    expect((await row(waiter))?.ticket).toBe(ticket);
  });

  test('renew extends a lease that has not ended, and no other', async () => {
    const claim = randomUUID();
    const { token } = await takes(claim);
    await setLeft(claim, 5000);
    expect(await answer(renew, claim, token, long)).toBe(true);
    expect((await row(claim))?.left).toBeGreaterThan(10_000);
    await setLeft(claim, -1);
    expect(await answer(renew, claim, token, long)).toBeUndefined();
    expect((await row(claim))?.left).toBeLessThan(0);
  });

  test('reap removes what has expired and is not locked, and nothing else', async () => {
    const [live, expired, locked] = [await joins(), await joins(), await joins()];
    for (const claim of [expired, locked]) await setLeft(claim, -1);
    const other = new pg.Client(server.url);
    await other.connect();
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM oslo_leases_claims WHERE claim = $1 FOR KEY SHARE', [locked]);
    await client.query(reap, [name]);
    expect([await row(live), await row(expired), await row(locked)].map((one) => one !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
    await other.query('ROLLBACK');
    await other.end();
  });

  test('an expired holder counts until its row is removed; an expired waiter does not', async () => {
    const holder = randomUUID();
    await takes(holder);
    await setLeft(holder, -1);
    expect(await takes(randomUUID())).toMatchObject({ token: null, turn: false, expired: true });
    await client.query(reap, [name]);
    await setLeft(await joins(), -1);
    expect((await takes(randomUUID())).token).not.toBeNull();
  });

  test('a waiter learns when what is before it ends: all of it for an exclusive lease, the first of it for a permit', async () => {
    const [soon, late] = [randomUUID(), randomUUID()];
    for (const claim of [soon, late]) await takes(claim, 2);
    await setLeft(soon, 10_000);
    await setLeft(late, 25_000);
    const [exclusive, permit] = [await asks(await joins(null, 1), 1), await asks(await joins(null, 2), 2)];
    expect(exclusive.until).toBeGreaterThan(10_000);
    expect(exclusive.until).toBeLessThanOrEqual(25_000);
    expect(permit.owners).toHaveLength(2);
    await client.query('DELETE FROM oslo_leases_claims WHERE name = $1 AND token IS NULL', [name]);
    const alone = await asks(await joins(null, 2), 2);
    expect(alone.until).toBeLessThanOrEqual(10_000);
  });

  test('remove and wake notify the first waiter that lives; remove only when it has removed something', async () => {
    const holder = randomUUID();
    await takes(holder);
    const [dead, first] = [await joins('heard'), await joins('heard')];
    await joins('heard');
    await setLeft(dead, -1);
    const listener = new pg.Client(server.url);
    await listener.connect();
    const heard: unknown[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query('LISTEN heard');
    expect(await answer(remove, name, holder)).toMatchObject({ live: true, locked: false, waiters: 1 });
    expect(await answer(remove, name, holder)).toMatchObject({ live: null, locked: false });
    await listener.query('SELECT 1');
    expect(heard).toEqual([first]);
    await client.query(wake, [name]);
    await listener.query('SELECT 1');
    expect(heard).toEqual([first, first]);
    await client.query(leave, [first]);
    await client.query(wake, [name]);
    await listener.query('SELECT 1');
    expect(heard).toHaveLength(3);
    expect(heard[2]).not.toBe(first);
    await listener.end();
  });

  test('remove answers that an expired lease had ended', async () => {
    const holder = randomUUID();
    await takes(holder);
    await setLeft(holder, -1);
    expect(await answer(remove, name, holder)).toMatchObject({ live: false });
    expect(await row(holder)).toBeUndefined();
  });

  test('a note is written by the holder only, and forgotten after its time', async () => {
    const holder = randomUUID();
    const { token } = await takes(holder);
    expect(await answer(writeNote, name, holder, token, 'first', 5000)).toBe(true);
    expect(await answer(readNote, name)).toBe('first');
    await setLeft(holder, -1);
    expect(await answer(writeNote, name, holder, token, 'second', 5000)).toBeUndefined();
    expect(await answer(readNote, name)).toBe('first');
    await client.query(`UPDATE oslo_leases SET note_until = clock_timestamp() WHERE name = $1`, [name]);
    expect(await answer(readNote, name)).toBeUndefined();
  });
});
