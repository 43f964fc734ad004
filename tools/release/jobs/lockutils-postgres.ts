import assert from 'node:assert/strict';
import { lease } from '@oslo-concurrency/lockutils';
import { PostgresUnreachableError, postgresLeaseDriver } from '@oslo-concurrency/lockutils-postgres';

// Nothing listens on the discard port of loopback: the whole way down to the network, and a clear error back.
await using driver = postgresLeaseDriver({ url: 'postgres://nobody@127.0.0.1:9/none' });
await assert.rejects(
  lease('leader', { driver, ttl: 10_000, blocking: false }, () => {}),
  (error) => error instanceof PostgresUnreachableError,
);
console.log('done');
