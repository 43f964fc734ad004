const assert = require('node:assert/strict');
const { postgresLeaseDriver } = require('@oslo-concurrency/lockutils-postgres');

assert.throws(() => postgresLeaseDriver({}), { code: 'ERR_INVALID_OPTION' });
console.log('done');
