import assert from 'node:assert/strict';
import { execute, ProcessExecutionError } from '@oslo-concurrency/processutils';

const { stdout } = await execute(process.execPath, ['-p', '6 * 7']);
assert.equal(stdout, '42\n');
await assert.rejects(execute(process.execPath, ['-e', 'process.exit(3)']), (error) => {
  return error instanceof ProcessExecutionError && error.exitCode === 3;
});
console.log('done');
