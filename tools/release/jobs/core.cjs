const assert = require('node:assert/strict');
const { configure, getLockPath } = require('@oslo-concurrency/core');

configure({ lockPath: '/run/locks' });
assert.equal(getLockPath(), '/run/locks');
console.log('done');
