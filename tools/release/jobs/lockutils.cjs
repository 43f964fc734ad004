const assert = require('node:assert/strict');
const { lock } = require('@oslo-concurrency/lockutils');

lock('ledger', { external: true }, () => 'held').then((value) => {
  assert.equal(value, 'held');
  console.log('done');
});
