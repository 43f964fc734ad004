import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { AcquireLockFailedError, lock, synchronized } from '@oslo-concurrency/lockutils';

if (process.argv[2] === 'contend') {
  await lock('ledger', { external: true, blocking: false }, () => {}).catch((error: unknown) => {
    assert(error instanceof AcquireLockFailedError);
    console.log('refused');
  });
  process.exit();
}

class Ledger {
  entries: number[] = [];

  @synchronized('ledger', { external: true })
  async append(entry: number): Promise<number> {
    const before = this.entries.length;
    await new Promise(setImmediate);
    assert.equal(this.entries.length, before);
    return this.entries.push(entry);
  }
}
const ledger = new Ledger();
await Promise.all([1, 2, 3].map((entry) => ledger.append(entry)));
assert.deepEqual(ledger.entries, [1, 2, 3]);

await lock('ledger', { external: true }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, [process.argv[1] ?? '', 'contend'], { encoding: 'utf8' });
  assert.equal(stdout, 'refused\n', stderr);
});
console.log('done');
