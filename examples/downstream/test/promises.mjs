import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkHistory, spawnContenders, useLockDir } from '@oslo-concurrency/fixture';
import { append } from '../src/ledger.mjs';

const steps = Array.from({ length: 5 }, () => ({ name: 'ledger', hold: 2 }));
const plan = [0, 1, 2].map((contender) => ({ contender, steps }));

async function verdictOf(module) {
  const pool = await spawnContenders({ count: 3, module: new URL(module, import.meta.url) });
  try {
    return checkHistory(await pool.run(plan), ['exclusion']).verdict;
  } finally {
    await pool.close();
  }
}

/** What this program promises; each runner calls them by name. */
export const promises = {
  async 'numbers every entry once'() {
    const locks = useLockDir({ test: 'numbers every entry once' });
    try {
      const file = join(locks.path, 'entries.txt');
      await Promise.all(['a', 'b', 'c', 'd'].map((entry) => append(file, entry)));
      const numbers = (await readFile(file, 'utf8')).trim().split('\n').map(Number.parseFloat);
      assert.deepEqual(numbers, [1, 2, 3, 4]);
    } finally {
      locks.cleanUp();
    }
  },
  async 'lets one process in at a time'() {
    assert.equal(await verdictOf('./ledger-lock.mjs'), 'ok');
  },
  async 'would be caught without the lock'() {
    assert.equal(await verdictOf('./ledger-no-lock.mjs'), 'violated');
  },
};
