// What a user's program promises of its locks (examples/downstream), and that two installed copies of lockutils exclude each
// other, however the runner loads them.
import assert from 'node:assert/strict';
import { useLockDir } from '@oslo-concurrency/fixture';
import { lock } from '@oslo-concurrency/lockutils';
import * as copy from 'lockutils-copy';
import { promises as downstream } from '../../examples/downstream/test/promises.mjs';

async function exclude(holder, other, lockPath, driver) {
  const options = { external: true, lockPath, driver };
  const held = await holder('copies', options);
  await assert.rejects(other('copies', { ...options, blocking: false, deadlock: 'off' }), {
    code: 'ERR_LOCK_NOT_ACQUIRED',
  });
  const waiter = other('copies', { ...options, deadlock: 'off' });
  await held.release();
  await (await waiter).release();
}

export const promises = {
  ...downstream,
  async 'two copies of lockutils exclude each other'() {
    assert.notEqual(copy.lock, lock);
    for (const driver of ['kernel', 'lockfile']) {
      const locks = useLockDir({ test: `two copies, ${driver}` });
      try {
        await exclude(lock, copy.lock, locks.path, driver);
        await exclude(copy.lock, lock, locks.path, driver);
      } finally {
        locks.cleanUp();
      }
    }
  },
};
