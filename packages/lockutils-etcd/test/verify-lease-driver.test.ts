import { rmSync } from 'node:fs';
import { type LeaseDriverSubject, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';
import { MuteWatches } from './support/mute-watches.js';

const endpoints: string[] = [];
let cluster: EtcdCluster;
let watches: MuteWatches;
/** etcd's tokens are its revisions, which it begins again without its data. So this check must fail, see below. */
const losesTokens = 'an engine that is killed and loses its data';
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
    async wipe() {
      for (const member of cluster.members) {
        await member.crash();
        rmSync(member.dataDir, { recursive: true });
        cluster.boot(member);
      }
      await cluster.healthy();
    },
    async silence() {
      const end = watches.silence();
      return async () => end();
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
    watches = await MuteWatches.start(cluster.endpoints[0] as string);
    endpoints.push(watches.url);
  });
  afterAll(async () => {
    await watches?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  describe.concurrent('it keeps the promises', () => {
    for (const { title, run } of verifyLeaseDriver(subject(false)))
      if (!title.startsWith(losesTokens)) test(title, run);
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

  test('negative control: without its data etcd begins its tokens again, and the kit finds it', async () => {
    const [check] = verifyLeaseDriver(subject(false)).filter(({ title }) => title.startsWith(losesTokens));
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
