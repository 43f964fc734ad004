import { type LeaseDriverSubject, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const endpoints: string[] = [];
let cluster: EtcdCluster;
const subject = (flaw: boolean): LeaseDriverSubject => ({
  module: new URL('./fixtures/driver-module.mjs', import.meta.url),
  options: { endpoints, flaw },
  // etcd gives no less than one and a half election timeouts.
  ttl: 2000,
  ordered: true,
  engine: {
    async restart() {
      await cluster.members[0]?.crash();
      for (const member of cluster.members) await cluster.boot(member);
      await cluster.healthy();
    },
    async mute() {
      cluster.members[0]?.kill('SIGSTOP');
      return async () => {
        cluster.members[0]?.kill('SIGCONT');
        await cluster.healthy();
      };
    },
    async revoke(name) {
      await cluster.etcdctl('del', '--prefix', `oslo-concurrency/${name}/`);
    },
  },
});

describe.skipIf(etcdMissing)(`the etcd driver is a lease driver${withEtcd}`, () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    endpoints.push(...cluster.endpoints);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  describe.concurrent('it keeps the promises', { timeout: 60_000 }, () => {
    for (const { title, run } of verifyLeaseDriver(subject(false))) test(title, run);
  });

  test('nothing is left in etcd', async () => {
    // What the fence wrote.
    await cluster.etcdctl('del', 'verified');
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(subject(true)).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
