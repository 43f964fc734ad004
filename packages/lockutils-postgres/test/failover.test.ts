import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { additions } from '../../../lease-history.js';
import { type PostgresGrant, postgresLeaseDriver, withFence } from '../src/index.js';
import { contend, contendThrough } from './server/contend-through.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';
import { TcpProxy } from './server/tcp-proxy.js';

/** A server with a standby, and the address that clients know. */
class Pair implements AsyncDisposable {
  readonly primary: PostgresServer;
  readonly standby: PostgresServer;
  /** The way from the primary to the standby. */
  readonly replication: TcpProxy;
  /** The way from clients to the primary. */
  readonly address: TcpProxy;

  private constructor(primary: PostgresServer, standby: PostgresServer, replication: TcpProxy, address: TcpProxy) {
    this.primary = primary;
    this.standby = standby;
    this.replication = replication;
    this.address = address;
  }

  static async start(): Promise<Pair> {
    const primary = await PostgresServer.start();
    const replication = await TcpProxy.start(primary.port);
    const standby = await PostgresServer.standby(replication.port);
    return new Pair(primary, standby, replication, await TcpProxy.start(primary.port));
  }

  /** Resolves when the standby has all that was committed before the call. */
  async replicated(): Promise<void> {
    const [now] = await this.primary.sql<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    const sql = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there';
    await until(async () => (await this.standby.sql<{ there: boolean }>(sql, [now?.lsn]))[0]?.there);
  }

  /** The primary dies, the standby takes its place, and the address leads to that. */
  async failOver(): Promise<void> {
    await this.primary.crash();
    await this.standby.sql('SELECT pg_promote()');
    this.address.target = this.standby.port;
    this.address.cut();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.address[Symbol.asyncDispose]();
    await this.replication[Symbol.asyncDispose]();
    await this.standby[Symbol.asyncDispose]();
    await this.primary[Symbol.asyncDispose]();
  }
}

describe.skipIf(postgresMissing)(`a failover of Postgres${withPostgres}`, () => {
  test('to a synchronous standby: no two holders, growing tokens, and no confirmed addition is lost', async () => {
    await using pair = await Pair.start();
    const { primary, standby, address } = pair;
    await primary.sql(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await primary.sql('SELECT pg_reload_conf()');
    const synchronous = `SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`;
    await until(async () => (await primary.sql(synchronous)).length === 1);
    await contendThrough({
      server: primary,
      successor: standby,
      rounds: 1,
      plan: { url: address.url },
      fault: () => pair.failOver(),
    });
  });

  test('negative control: to a standby that lacks the last commits, a second holder is let in, with a greater token; the fence refuses the first one', async () => {
    await using pair = await Pair.start();
    const { primary, standby, address, replication } = pair;
    await using driver = postgresLeaseDriver({ url: address.url });
    const arrived = await lease('arrived', { driver, ttl: 60_000 });
    let lost: HeldLease<PostgresGrant> | undefined;
    const { history, counted } = await contend({
      server: primary,
      successor: standby,
      rounds: 1,
      plan: { url: address.url },
      async fault(contenders) {
        await pair.replicated();
        replication.halfOpen();
        lost = await lease('lost', { driver, ttl: 60_000, renewEvery: 50_000 });
        await contenders.grants(4);
        await pair.failOver();
      },
    });
    // The loss that the documents name: what was confirmed is not there.
    expect(counted).toBeLessThan(additions(history).sure);
    const tokens = history.filter(({ what }) => what === 'granted').map(({ token }) => BigInt(token ?? 0));
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)));

    await using other = postgresLeaseDriver({ url: standby.url });
    const second = await lease('lost', { driver: other, ttl: 60_000 });
    const first = lost as HeldLease<PostgresGrant>;
    expect(first.signal.aborted).toBe(false);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    const client = new pg.Client(standby.url);
    await client.connect();
    await client.query('BEGIN');
    await expect(withFence(client, first)).rejects.toMatchObject({ code: 'ERR_FENCED_OUT' });
    await client.query('ROLLBACK');
    await client.query('BEGIN');
    await withFence(client, second);
    await client.query('COMMIT');
    await client.end();
    expect(first.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await second.release();
    // The grant that had arrived is kept.
    await expect(lease('arrived', { driver: other, ttl: 60_000, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await arrived.renew();
    await arrived.release();
  });
});
