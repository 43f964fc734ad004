// What lead, oncePer, permits and leaseAll promise, on Postgres.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { jobPromises } from '../../../job-promises.js';
import { deadWaiterPromise } from '../../../lease-promises.js';
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
    const dead = deadWaiterPromise({ module, options, ttl: 60_000, place: 10_000 });
    test(dead.title, dead.run);
  });

  test('no holder and no waiter is left in Postgres', async () => {
    // A claim of a process that was killed counts for nothing when it has expired; its row goes when a new driver is first
    // used.
    const left = 'SELECT 1 FROM oslo_leases_claims WHERE expires_at > clock_timestamp()';
    await until(async () => (await server.sql(left)).length === 0);
  });
});
