// One job, on one machine or on many. Run it in two terminals at once:
//
//   node examples/one-line-switch/job.mjs                                       on this machine, by a kernel lock
//   node examples/one-line-switch/job.mjs --on file:///mnt/shared               on all machines that mount this directory
//   node examples/one-line-switch/job.mjs --on etcd://127.0.0.1:2379            on all machines that use this etcd
//   node examples/one-line-switch/job.mjs --on postgres://user@127.0.0.1/db     ... this database
//   node examples/one-line-switch/job.mjs --on redis://127.0.0.1:6379           ... this Redis
//
// What changes is the line that makes `hold`. The job is the same, and obeys a signal where there is one.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { holdOn } from './hold-on.mjs';

const { values } = parseArgs({ options: { on: { type: 'string' }, steps: { type: 'string', default: '5' } } });
const { hold, close } = await holdOn(values.on);

await hold('nightly-report', async ({ signal, fencingToken }) => {
  console.log(fencingToken === undefined ? 'holding the lock' : `holding the lease, token ${fencingToken}`);
  for (let step = 1; step <= Number(values.steps); step++) {
    // A lock is never lost. A lease can be: stop then, and write only with the token (withFence, or a check of your own).
    signal?.throwIfAborted();
    await sleep(200);
    console.log(`step ${step}`);
  }
});
await close();
