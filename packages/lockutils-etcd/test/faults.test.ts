import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { lease } from '@oslo-concurrency/lockutils';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { additions, type Fact, violations } from '../../../lease-history.js';
import { etcdLeaseDriver } from '../src/index.js';
import { Contenders } from './support/contenders.js';
import { EtcdCluster, etcdMissing, type Member, withEtcd } from './support/etcd-cluster.js';
import { SlowProxy } from './support/slow-proxy.js';

/** How much longer to go on than in a normal run: SOAK=20 does each fault twenty times. */
const rounds = Number(process.env.SOAK ?? 1);
const ttl = 1000;

/** A cluster for the tests of one group. */
class Engine {
  cluster!: EtcdCluster;
  #names = 0;

  constructor() {
    beforeAll(async () => {
      this.cluster = await EtcdCluster.start(3);
    });
    afterAll(() => this.cluster?.[Symbol.asyncDispose]());
  }

  freshPlan() {
    return { endpoints: this.cluster.endpoints, name: `fault-${++this.#names}`, ttl };
  }

  async counterOf(name: string): Promise<number> {
    return Number(await this.cluster.etcdctl('get', `counter/${name}`, '--print-value-only'));
  }

  async restart(...members: readonly Member[]): Promise<void> {
    for (const member of members) this.cluster.boot(member);
    await this.cluster.healthy();
  }

  /** Lets three clients contend while `fault` happens, and judges what they saw. */
  async contendThrough(
    fault: (contenders: Contenders) => Promise<void>,
    plan: Partial<ReturnType<Engine['freshPlan']>> & { stall?: number; stallEvery?: number } = {},
  ): Promise<readonly Fact[]> {
    const whole = { ...this.freshPlan(), ...plan };
    await using contenders = new Contenders();
    contenders.start(3, whole);
    await contenders.grants(3);
    for (let round = 0; round < rounds; round++) {
      await fault(contenders);
      await contenders.grants(4);
    }
    const history = await contenders.end();
    expect(violations(history)).toEqual([]);
    const { sure, perhaps } = additions(history);
    const counted = await this.counterOf(whole.name);
    expect(counted, `${sure} additions, and perhaps ${perhaps} more`).toBeGreaterThanOrEqual(sure);
    expect(counted).toBeLessThanOrEqual(sure + perhaps);
    // Leases whose requests fell into the outage expire by themselves.
    await this.cluster.until(async () => (await this.cluster.leftovers('oslo-concurrency/')) === '');
    return history;
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

// Most of the time of a fault is waiting for a ttl, so the groups run at the same time. Each has a cluster of its own, which its
// faults change one after the other.
describe.skipIf(etcdMissing)(`faults of a cluster of three${withEtcd}`, { timeout: 180_000 * rounds }, () => {
  describe('of its members', { concurrent: true }, () => {
    const engine = new Engine();

    test.sequential('the leader is killed', async () => {
      await engine.contendThrough(async (contenders) => {
        const leader = await engine.cluster.leader();
        await leader.crash();
        await contenders.grants(3);
        await engine.restart(leader);
      });
    });

    test.sequential('the leader is stopped for longer than the ttl, and goes on', async () => {
      await engine.contendThrough(async (contenders) => {
        const leader = await engine.cluster.leader();
        leader.kill('SIGSTOP');
        await contenders.grants(3);
        await sleep(ttl * 1.5);
        leader.kill('SIGCONT');
      });
    });

    // Some one in six of these finds an old leader that answers; with the check of terms taken out, the test fails.
    test
      .runIf(process.env.SOAK)
      .sequential(
        'a stopped leader answers, when it wakes, a renewal sent after the election: it does not count (only with SOAK)',
        async () => {
          for (let round = 0; round < rounds; round++) {
            const leader = await engine.cluster.leader();
            await using driver = etcdLeaseDriver({ endpoints: leader.url });
            const { signal } = new AbortController();
            const request = {
              name: `stale-${round}`,
              ttl: 3000,
              permits: 1,
              label: undefined,
              now: () => performance.now(),
              waiting() {},
            };
            const grant = await driver.acquire(request, signal);
            leader.kill('SIGSTOP');
            await sleep(2500);
            const renewal = grant.renew(signal).catch(() => undefined);
            await sleep(150);
            leader.kill('SIGCONT');
            const validUntil = (await renewal) ?? grant.validUntil;
            const other = engine.cluster.members.find((member) => member !== leader) as Member;
            await engine.cluster.until(
              async () => (await engine.cluster.etcdctl('--endpoints', other.url, 'get', grant.key)) === '',
            );
            expect(performance.now()).toBeGreaterThanOrEqual(validUntil);
            await engine.cluster.healthy();
          }
        },
      );

    test.sequential('a minority is stopped', async () => {
      await engine.contendThrough(async (contenders) => {
        const leader = await engine.cluster.leader();
        const follower = engine.cluster.members.find((member) => member !== leader) as Member;
        follower.kill('SIGSTOP');
        await contenders.grants(6);
        follower.kill('SIGCONT');
      });
    });

    test.sequential('a majority is stopped: holders lose their leases in time, errors say so, and it goes on by itself', async () => {
      const history = await engine.contendThrough(async () => {
        const stopped = engine.cluster.members.slice(0, 2);
        for (const member of stopped) member.kill('SIGSTOP');
        await sleep(ttl * 2);
        for (const member of stopped) member.kill('SIGCONT');
      });
      const refused = history.filter(({ what }) => what === 'refused' || what === 'lost');
      expect(refused.length).toBeGreaterThan(0);
      expect(
        refused.filter(
          ({ message }) =>
            // The last of these is what a busy machine does to a client.
            !/http:\/\/127|renewed in time|server does not have|granted too late|not answered|event loop was blocked/.test(
              message ?? '',
            ),
        ),
      ).toEqual([]);
    });

    test.sequential('all members are killed and restarted with their data: tokens go on growing', async () => {
      await engine.contendThrough(async () => {
        await Promise.all(engine.cluster.members.map((member) => member.crash()));
        await engine.restart(...engine.cluster.members);
      });
    });

    test
      .runIf(process.env.SOAK)
      .sequential('a storm of faults, drawn from a seed, on members and clients alike (only with SOAK)', async () => {
        const seed = Number(process.env.FC_SEED ?? Date.now() % 2 ** 31);
        console.log(`storm: FC_SEED=${seed}`);
        const faults = fc.sample(
          fc.record({
            fault: fc.constantFrom('member killed', 'member stopped', 'client stopped', 'client killed'),
            which: fc.nat({ max: 11 }),
            length: fc.nat({ max: 2 * ttl }),
            breath: fc.boolean(),
          }),
          { seed, numRuns: 6 * rounds },
        );
        const plan = engine.freshPlan();
        await using contenders = new Contenders();
        contenders.start(4, plan);
        await contenders.grants(3);
        for (const { fault, which, length, breath } of faults) {
          const member = engine.cluster.members[which % 3] as Member;
          const running = contenders.processes.filter((child) => child.connected);
          const client = running[which % running.length];
          if (fault === 'member killed') {
            await member.crash();
            await sleep(length);
            await engine.restart(member);
          } else if (fault === 'client killed') {
            client?.kill('SIGKILL');
            contenders.start(1, plan);
          } else {
            const victim = fault === 'member stopped' ? member : client;
            victim?.kill('SIGSTOP');
            await sleep(length);
            victim?.kill('SIGCONT');
          }
          if (breath) await contenders.grants(1);
        }
        await engine.cluster.healthy();
        await contenders.grants(3);
        const history = await contenders.end();
        expect(violations(history)).toEqual([]);
        const { sure, perhaps } = additions(history);
        const counted = await engine.counterOf(plan.name);
        expect(counted).toBeGreaterThanOrEqual(sure);
        expect(counted).toBeLessThanOrEqual(sure + perhaps);
        const losses = history.filter(({ what }) => what === 'lost').map(({ reason }) => reason);
        console.log(
          `storm: ${history.filter(({ what }) => what === 'granted').length} grants, ${sure} additions, lost: ${losses.join(' ')}`,
        );
      });

    test.sequential('nobody hangs: without any member, lease() rejects, names every endpoint, and leaves nothing behind', async () => {
      await using driver = etcdLeaseDriver({ endpoints: engine.cluster.endpoints, requestTimeout: 500 });
      // Long enough that the members are gone before its first renewal, and that renewal has failed before its end.
      const held = await lease('orphan', { driver, ttl: 5000 });
      const lost = once(held.signal, 'abort');
      await Promise.all(engine.cluster.members.map((member) => member.crash()));
      await expect(lease('other', { driver, ttl: 5000 })).rejects.toMatchObject({
        code: 'ERR_ETCD_UNAVAILABLE',
        failures: engine.cluster.endpoints.map(() => expect.objectContaining({ code: 'ERR_ETCD_UNREACHABLE' })),
      });
      await lost;
      expect(held.signal.reason).toMatchObject({ reason: 'unreachable', cause: { code: 'ERR_ETCD_UNAVAILABLE' } });
      await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    });
  });

  describe('of its clients and the way to it', { concurrent: true }, () => {
    const engine = new Engine();

    test.sequential('one endpoint is unreachable, another never answers', async () => {
      await using mute = await SlowProxy.start(engine.cluster.endpoints[0] as string, Number.POSITIVE_INFINITY);
      const endpoints = ['http://127.0.0.1:1', mute.url, ...engine.cluster.endpoints.slice(1)];
      await engine.contendThrough(async () => {}, { endpoints });
    });

    test.sequential('the network is slow, and then stands still for longer than the ttl', async () => {
      await using proxy = await SlowProxy.start(engine.cluster.endpoints[0] as string, 15);
      await engine.contendThrough(
        async () => {
          proxy.delay = Number.POSITIVE_INFINITY;
          await sleep(ttl * 1.5);
          proxy.delay = 15;
        },
        { endpoints: [proxy.url] },
      );
    });

    test.sequential('the event loop of clients is blocked for longer than the ttl: they know when they wake', async () => {
      const history = await engine.contendThrough(async () => {}, { stallEvery: 2, stall: ttl * 1.3 });
      const outcomes = history.filter(({ what }) => what === 'lost').map(({ reason }) => reason);
      expect(outcomes).toContain('blocked');
    });

    test.sequential('negative control: the same without the fence loses updates, and the harness shows it', async () => {
      const plan = { ...engine.freshPlan(), stallEvery: 2, stall: ttl * 2.5, fenced: false };
      await using contenders = new Contenders();
      contenders.start(3, plan);
      await contenders.untilUpdateIsLost(() => engine.counterOf(plan.name));
      expect(violations(await contenders.end())).toEqual([]);
    });

    test.sequential('a client is killed: a waiter is granted the lease within ttl + 2 s', async () => {
      // Long enough that the holder keeps it until it is killed.
      const plan = { ...engine.freshPlan(), hold: 600_000, ttl: 3000 };
      await using contenders = new Contenders();
      contenders.start(1, plan);
      await contenders.grants(1);
      contenders.start(1, plan);
      await engine.cluster.until(
        async () => (await engine.cluster.leftovers('oslo-concurrency/')).split(plan.name).length === 3,
      );
      const killed = now();
      contenders.processes[0]?.kill('SIGKILL');
      await contenders.grants(1);
      const [, next] = contenders.history().filter(({ what }) => what === 'granted');
      expect((next as Fact).at - killed).toBeLessThan(plan.ttl + 2000);
    });
  });
});
