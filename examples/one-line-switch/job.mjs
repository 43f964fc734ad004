// One job, on one machine or on many. Run it in two terminals at once:
//
//   node examples/one-line-switch/job.mjs                                  on this machine, by a kernel lock
//   node examples/one-line-switch/job.mjs --etcd http://127.0.0.1:2379     on all machines that use this etcd
//
// What changes is the line that makes `hold`. The job is the same, and obeys a signal where there is one.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { lease, lock } from '@oslo-concurrency/lockutils';
import { etcdLeaseDriver } from '@oslo-concurrency/lockutils-etcd';

const { values } = parseArgs({ options: { etcd: { type: 'string' }, steps: { type: 'string', default: '5' } } });

const lockPath = join(tmpdir(), 'one-line-switch');
mkdirSync(lockPath, { recursive: true });
const driver = values.etcd === undefined ? undefined : etcdLeaseDriver({ endpoints: values.etcd });
const onWait = () => console.log('waiting: somebody else is at it');

const hold = (name, job) =>
  driver === undefined
    ? lock(name, { external: true, lockPath, onWait }, job)
    : lease(name, { driver, ttl: 15_000, onWait }, job);

await hold('nightly-report', async ({ signal, fencingToken }) => {
  console.log(fencingToken === undefined ? 'holding the lock' : `holding the lease, token ${fencingToken}`);
  for (let step = 1; step <= Number(values.steps); step++) {
    // A lock is never lost. A lease can be: stop then, and write only with the token (withFence, or a check of your own).
    signal?.throwIfAborted();
    await sleep(200);
    console.log(`step ${step}`);
  }
});
await driver?.close();
