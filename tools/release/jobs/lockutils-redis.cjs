const assert = require('node:assert/strict');
const { redisLeaseDriver } = require('@oslo-concurrency/lockutils-redis');

assert.throws(() => redisLeaseDriver({}), { code: 'ERR_INVALID_OPTION' });
console.log('done');
