import assert from 'node:assert/strict';
import { lease } from '@oslo-concurrency/lockutils';
import { RedisClientMissingError, redisLeaseDriver } from '@oslo-concurrency/lockutils-redis';

// Neither client comes with the package: the whole way down to the lack of one, and a clear error back.
await using driver = redisLeaseDriver({ url: 'redis://127.0.0.1:9' });
await assert.rejects(
  lease('leader', { driver, ttl: 10_000, blocking: false }, () => {}),
  (error) => error instanceof RedisClientMissingError,
);
console.log('done');
