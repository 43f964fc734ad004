const assert = require('node:assert/strict');
const { observe } = require('@oslo-concurrency/telemetry');

observe()();
assert.throws(() => observe({ meter: 1 }), { code: 'ERR_INVALID_OPTION' });
console.log('done');
