// Jest as it is by default: it requires, and knows no ES modules.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { LockTimeoutError, isConcurrencyError, lock, lockSync } = require('@oslo-concurrency/lockutils');
const { useLockDir } = require('@oslo-concurrency/fixture');
const { execute } = require('@oslo-concurrency/processutils');

let lockPath;
beforeEach(() => {
  lockPath = mkdtempSync(join(tmpdir(), 'jest-'));
});
afterEach(() => rmSync(lockPath, { recursive: true }));

test.each(['kernel', 'lockfile'])('lockutils locks with the %s driver', async (driver) => {
  const options = { external: true, lockPath, driver };
  const held = await lock('x', options);
  const error = await lock('x', { ...options, timeout: 50 }).catch((reason) => reason);
  expect(error).toBeInstanceOf(LockTimeoutError);
  expect(isConcurrencyError(error, 'ERR_LOCK_TIMEOUT')).toBe(true);
  await held.release();
  expect(lockSync('x', { lockPath, driver }, () => 'held')).toBe('held');
});

test('the required copy and the imported one exclude each other', async () => {
  const program = `
    import { lock } from '@oslo-concurrency/lockutils';
    const answer = await lock('x', { external: true, lockPath: process.argv[1], blocking: false }).catch(({ code }) => code);
    console.log(answer);`;
  const args = ['--input-type=module', '-e', program, lockPath];
  await lock('x', { external: true, lockPath }, async () => {
    const { stdout } = await execute(process.execPath, args, { cwd: __dirname });
    expect(stdout).toBe('ERR_LOCK_NOT_ACQUIRED\n');
  });
});

test('processutils runs a command, and ends one that is too late', async () => {
  expect(await execute('/bin/echo', ['hi'], { killOnParentExit: true })).toMatchObject({ stdout: 'hi\n' });
  await expect(execute('/bin/sleep', ['5'], { timeout: 100 })).rejects.toMatchObject({ name: 'ProcessTimeoutError' });
});

test('fixture provides a lock directory', async () => {
  const locks = useLockDir();
  expect(await lock('x', { external: true }, () => 'held')).toBe('held');
  locks[Symbol.dispose]();
});
