import { rmSync } from 'node:fs';
import { type LeaseDriverSubject, verifyLeaseDriver } from '@oslo-concurrency/fixture';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';
import { MuteWatches } from './support/mute-watches.js';

/** A cluster of one, and a way to it on which hints can be lost. */
class Engine {
  cluster!: EtcdCluster;
  readonly endpoints: string[] = [];
  #watches!: MuteWatches;

  async start(): Promise<void> {
    this.cluster = await EtcdCluster.start(1);
    this.#watches = await MuteWatches.start(this.cluster.endpoints[0] as string);
    this.endpoints.push(this.#watches.url);
  }

  async end(): Promise<void> {
    await this.#watches?.[Symbol.asyncDispose]();
    await this.cluster?.[Symbol.asyncDispose]();
  }

  subject(flaw = false): LeaseDriverSubject {
    const engine = this;
    return {
      module: new URL('./fixtures/driver-module.mjs', import.meta.url),
      options: { endpoints: this.endpoints, flaw },
      // etcd gives no less than one and a half election timeouts.
      ttl: 2000,
      ordered: true,
      engine: {
        async restart() {
          const { cluster } = engine;
          await cluster.members[0]?.crash();
          for (const member of cluster.members) await cluster.boot(member);
          await cluster.healthy();
        },
        async wipe() {
          const { cluster } = engine;
          for (const member of cluster.members) {
            await member.crash();
            rmSync(member.dataDir, { recursive: true });
            cluster.boot(member);
          }
          await cluster.healthy();
        },
        async silence() {
          const end = engine.#watches.silence();
          return async () => end();
        },
        async mute() {
          const { cluster } = engine;
          cluster.members[0]?.kill('SIGSTOP');
          return async () => {
            cluster.members[0]?.kill('SIGCONT');
            await cluster.healthy();
          };
        },
        async revoke(name) {
          await engine.cluster.etcdctl('del', '--prefix', `oslo-concurrency/${name}/`);
        },
      },
    };
  }
}

/** etcd's tokens are its revisions, which it begins again without its data. So this check must fail, see below. */
const losesTokens = 'an engine that is killed and loses its data';
const engine = new Engine();
/** For the checks that disturb their engine: these wait for each other, and the rest does not wait for them. */
const disturbed = new Engine();

describe.skipIf(etcdMissing)(`the etcd driver is a lease driver${withEtcd}`, () => {
  beforeAll(async () => {
    await engine.start();
    await disturbed.start();
  });
  afterAll(async () => {
    await engine.end();
    await disturbed.end();
  });

  describe.concurrent('it keeps the promises', () => {
    for (const { title, disturbs, run } of verifyLeaseDriver(engine.subject())) if (!disturbs) test(title, run);
  });

  describe.concurrent('it keeps the promises when its engine is disturbed', () => {
    for (const { title, disturbs, run } of verifyLeaseDriver(disturbed.subject()))
      if (disturbs && !title.startsWith(losesTokens)) test(title, run);
  });

  test('nothing is left in etcd', async () => {
    for (const { cluster } of [engine, disturbed]) {
      // What the fence wrote.
      await cluster.etcdctl('del', 'verified');
      await cluster.until(async () => (await cluster.leftovers()) === '');
    }
  });

  test('negative control: without margin it is caught', async () => {
    const [check] = verifyLeaseDriver(engine.subject(true)).filter(({ title }) =>
      title.startsWith('the signal aborts before'),
    );
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });

  test('negative control: without its data etcd begins its tokens again, and the kit finds it', async () => {
    const [check] = verifyLeaseDriver(disturbed.subject()).filter(({ title }) => title.startsWith(losesTokens));
    await expect(check?.run()).rejects.toMatchObject({ code: 'ERR_LEASE_DRIVER_UNSOUND' });
  });
});
