// What lead, oncePer, permits and leaseAll promise, on Postgres.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { jobPromises } from '../../../job-promises.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

const module = new URL('./fixtures/driver-module.mjs', import.meta.url);

describe.skipIf(postgresMissing)(`jobs on Postgres${withPostgres}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describe.concurrent('the promises', () => {
    const options = () => ({ url: server.url });
    for (const { title, run } of jobPromises({ module, options, ttl: 2000 })) test(title, run);
  });

  test('no holder and no waiter is left in Postgres', async () => {
    await until(async () => (await server.claims()) === 0);
  });
});
