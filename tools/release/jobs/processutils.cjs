const assert = require('node:assert/strict');
const { execute } = require('@oslo-concurrency/processutils');

execute(process.execPath, ['-p', '6 * 7']).then(({ stdout }) => {
  assert.equal(stdout, '42\n');
  console.log('done');
});
