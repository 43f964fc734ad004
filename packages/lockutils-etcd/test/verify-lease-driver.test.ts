import { verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const endpoints: string[] = [];
const subject = (flaw: boolean) => ({
  module: new URL('./fixtures/driver-module.mjs', import.meta.url),
  options: { endpoints, flaw },
  ttl: 1000,
});

describe.skipIf(etcdMissing)(`the etcd driver is a lease driver${withEtcd}`, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    endpoints.push(...cluster.endpoints);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  describe.concurrent('it keeps the promises', () => {
    for (const { title, run } of verifyLeaseDriver(subject(false))) test(title, run);
  });

  test('nothing is left in etcd', async () => {
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(subject(true)).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
