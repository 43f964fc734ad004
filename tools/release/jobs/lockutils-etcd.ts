import assert from 'node:assert/strict';
import { lease } from '@oslo-concurrency/lockutils';
import { EtcdUnreachableError, etcdLeaseDriver } from '@oslo-concurrency/lockutils-etcd';

// Nothing listens on the discard port of loopback: the whole way down to the network, and a clear error back.
await using driver = etcdLeaseDriver({ endpoints: ['http://127.0.0.1:9'] });
await assert.rejects(
  lease('leader', { driver, ttl: 10_000, blocking: false }, () => {}),
  (error) => error instanceof EtcdUnreachableError,
);
console.log('done');
