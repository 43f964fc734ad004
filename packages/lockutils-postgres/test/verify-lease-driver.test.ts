import { type LeaseDriverSubject, type LeaseEngine, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresLeaseDriver } from '../src/index.js';
import { Pooler } from './server/pooler.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';
import { TcpProxy } from './server/tcp-proxy.js';

describe.skipIf(postgresMissing)(`the Postgres driver is a lease driver${withPostgres}`, () => {
  // Each subject has a server of its own: a check that kills it waits for the other checks of its subject only.
  let server: PostgresServer;
  let proxy: TcpProxy;
  let behind: PostgresServer;
  let pooler: Pooler;
  beforeAll(async () => {
    [server, behind] = await Promise.all([PostgresServer.start(), PostgresServer.start()]);
    proxy = await TcpProxy.start(server.port);
    pooler = await Pooler.start(behind);
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await pooler?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await behind?.[Symbol.asyncDispose]();
  });

  const subject = (options: object, engine: LeaseEngine): LeaseDriverSubject => ({
    module: new URL('./fixtures/driver-module.mjs', import.meta.url),
    options,
    ttl: 1000,
    ordered: true,
    engine,
  });
  const revoke = async (name: string, from: PostgresServer): Promise<void> => {
    await from.sql('DELETE FROM oslo_leases_claims WHERE name = $1', [name]);
  };
  const direct = (flaw = false) =>
    subject(
      {
        get url() {
          return proxy.url;
        },
        flaw,
      },
      {
        async restart() {
          await server.crash();
          await server.reboot();
        },
        async wipe() {
          await server.crash();
          await server.forget();
          await server.reboot();
        },
        async mute() {
          server.kill('SIGSTOP');
          return async () => server.kill('SIGCONT');
        },
        revoke: (name) => revoke(name, server),
        async silence() {
          proxy.silent = true;
          return async () => {
            proxy.silent = false;
          };
        },
      },
    );
  const pooled = () =>
    subject(
      {
        get url() {
          return pooler.url;
        },
      },
      {
        async restart() {
          await pooler.crash();
          await pooler.boot();
        },
        async mute() {
          pooler.kill('SIGSTOP');
          return async () => pooler.kill('SIGCONT');
        },
        revoke: (name) => revoke(name, behind),
      },
    );

  describe.concurrent('it keeps the promises', () => {
    for (const { title, run } of verifyLeaseDriver(direct())) test(title, run);
  });

  describe.concurrent('it keeps the promises through a pooler in transaction mode', () => {
    for (const { title, run } of verifyLeaseDriver(pooled())) test(title, run);
  });

  test('nothing is left in Postgres but what could not be removed from a mute server, and that has expired', async () => {
    for (const one of [server, behind]) {
      const live = 'SELECT name, token, owner FROM oslo_leases_claims WHERE expires_at > clock_timestamp()';
      await until(async () => (await one.sql(live)).length === 0);
      const names = await one.sql<{ name: string }>('SELECT DISTINCT name FROM oslo_leases_claims');
      expect(names.length).toBeLessThanOrEqual(6);
      const driver = postgresLeaseDriver({ url: one.url });
      for (const { name } of names) await lease(name, { driver, ttl: 1000, blocking: false }, () => {});
      // Its own connections stay for ten seconds of idleness otherwise, beside the three of the pooler.
      await driver.close();
      expect(await one.claims()).toBe(0);
      await until(async () => (await one.connections()) <= 3);
    }
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(direct(true)).filter(({ title }) => title.startsWith('the signal aborts before'));
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
