const assert = require('node:assert/strict');
const { etcdLeaseDriver } = require('@oslo-concurrency/lockutils-etcd');

assert.throws(() => etcdLeaseDriver({ endpoints: [] }), { code: 'ERR_INVALID_OPTION' });
console.log('done');
