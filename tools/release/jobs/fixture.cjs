const assert = require('node:assert/strict');
const { useLockDir } = require('@oslo-concurrency/fixture');

assert.equal(typeof useLockDir, 'function');
console.log('done');
