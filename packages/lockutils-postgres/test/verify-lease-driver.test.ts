import { verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Pooler } from './server/pooler.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

const options = { url: '', flaw: false };
const pooled = { url: '', flaw: false };
const subject = (of: object) => ({
  module: new URL('./fixtures/driver-module.mjs', import.meta.url),
  options: of,
  ttl: 1000,
});

describe.skipIf(postgresMissing)(`the Postgres driver is a lease driver${withPostgres}`, () => {
  let server: PostgresServer;
  let pooler: Pooler;
  beforeAll(async () => {
    server = await PostgresServer.start();
    pooler = await Pooler.start(server);
    options.url = server.url;
    pooled.url = pooler.url;
  });
  afterAll(async () => {
    await pooler?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  describe.concurrent('it keeps the promises', () => {
    for (const { title, run } of verifyLeaseDriver(subject(options))) test(title, run);
  });

  describe.concurrent('it keeps the promises through a pooler in transaction mode', () => {
    for (const { title, run } of verifyLeaseDriver(subject(pooled))) test(title, run);
  });

  test('nothing is left in Postgres', async () => {
    await until(async () => (await server.claims()) === 0);
    await until(async () => (await server.connections()) <= 3);
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(subject({ url: server.url, flaw: true })).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
