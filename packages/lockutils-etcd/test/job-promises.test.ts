// What lead, oncePer, permits and leaseAll promise, on etcd.
import { afterAll, beforeAll, describe, test } from 'vitest';
import { jobPromises } from '../../../job-promises.js';
import { deadWaiterPromise } from '../../../lease-promises.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const module = new URL('./fixtures/driver-module.mjs', import.meta.url);

describe.skipIf(etcdMissing)(`jobs on etcd${withEtcd}`, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  describe.concurrent('the promises', () => {
    const options = () => ({ endpoints: cluster.endpoints });
    for (const { title, run } of jobPromises({ module, options, ttl: 2000 })) test(title, run);
    // The place of a waiter is the key that becomes its lease, so it lasts as long as that.
    const dead = deadWaiterPromise({ module, options, ttl: 6000, place: 7000 });
    test(dead.title, dead.run);
  });

  test('no holder and no waiter is left in etcd', async () => {
    await cluster.until(async () =>
      (await cluster.etcdctl('get', 'oslo-concurrency/', '--prefix', '--keys-only'))
        .split('\n')
        .every((key) => key === '' || key.includes('%record/')),
    );
  });
});
