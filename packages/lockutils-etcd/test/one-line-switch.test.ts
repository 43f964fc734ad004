import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const job = fileURLToPath(new URL('../../../examples/one-line-switch/job.mjs', import.meta.url));
const run = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [job, '--steps', '1', ...args])).stdout;

test('the example runs on a kernel lock', async () => {
  expect(await run()).toMatch(/holding the lock\nstep 1\n$/);
});

test.skipIf(etcdMissing)(`the example runs on etcd by one changed option${withEtcd}`, async () => {
  await using cluster = await EtcdCluster.start(1);
  expect(await run('--etcd', cluster.endpoints[0] as string)).toMatch(/holding the lease, token \d+\nstep 1\n$/);
  expect(await cluster.leftovers()).toBe('');
});
