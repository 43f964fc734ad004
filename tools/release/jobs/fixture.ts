import assert from 'node:assert/strict';
import { checkHistory, spawnContenders, useLockDir } from '@oslo-concurrency/fixture';

using locks = useLockDir();
assert.match(locks.path, /locks-/);
await using pool = await spawnContenders({ count: 2, module: new URL('./fixture-lock.mjs', import.meta.url) });
const steps = [
  { name: 'ledger', hold: 2 },
  { name: 'ledger', hold: 2 },
];
const history = await pool.run([
  { contender: 0, steps },
  { contender: 1, steps },
]);
assert.equal(checkHistory(history, ['exclusion']).verdict, 'ok');
console.log('done');
