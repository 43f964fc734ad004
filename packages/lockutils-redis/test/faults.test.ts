import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { additions, type Fact, violations } from '../../../lease-history.js';
import { redisLeaseDriver } from '../src/index.js';
import { wayNames, ways } from './server/clients.js';
import { type ContenderPlan, Contenders } from './server/contenders.js';
import { TcpProxy } from './server/proxy.js';
import { RedisServer, redisMissing, withRedis } from './server/redis-server.js';

const ttl = 1000;
const kept = ['--appendonly', 'yes'];

/** A Redis that keeps its data, for the tests of one group, and a store that no fault touches. */
class Engine {
  server!: RedisServer;
  store!: RedisServer;
  #names = 0;

  constructor() {
    beforeAll(async () => {
      this.server = await RedisServer.start({ flags: kept });
      this.store = await RedisServer.start();
    });
    afterAll(async () => {
      await this.server?.[Symbol.asyncDispose]();
      await this.store?.[Symbol.asyncDispose]();
    });
  }

  freshPlan(): ContenderPlan {
    return { url: this.server.url, store: this.store.url, name: `fault-${++this.#names}`, ttl };
  }

  async counterOf(name: string): Promise<number> {
    return Number(await this.store.cli('GET', `counter/${name}`));
  }

  /** Lets three clients contend while `fault` happens, and judges what they saw. */
  async contendThrough(
    fault: (contenders: Contenders) => Promise<void>,
    more: Partial<ContenderPlan> = {},
  ): Promise<readonly Fact[]> {
    const plan = { ...this.freshPlan(), ...more };
    await using contenders = new Contenders();
    contenders.start(3, plan);
    await contenders.grants(3);
    await fault(contenders);
    await contenders.grants(4);
    const history = await contenders.end();
    expect(violations(history)).toEqual([]);
    expect(await this.counterOf(plan.name)).toBe(additions(history).sure);
    // A lease whose requests fell into the outage ends by itself.
    await this.server.untilEmpty();
    return history;
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

// Most of the time of a fault is waiting for a ttl, so the groups run at the same time. Each has a server of its own, which its
// faults change one after the other.
describe.skipIf(redisMissing)(`faults of one Redis that keeps its data${withRedis}`, () => {
  describe('of the server and the way to it', { concurrent: true }, () => {
    const engine = new Engine();

    test.sequential('the server is killed and comes back with its data: tokens go on growing', async () => {
      await engine.contendThrough(async (contenders) => {
        for (let n = 0; n < 2; n++) {
          await engine.server.crash();
          await engine.server.boot();
          await contenders.grants(2);
        }
      });
    });

    test.sequential('the server is stopped for longer than the ttl: the holder loses its lease in time, and it goes on by itself', async () => {
      const history = await engine.contendThrough(
        async (contenders) => {
          // The first stop may come just when none holds.
          do {
            await contenders.grants(1);
            engine.server.kill('SIGSTOP');
            await sleep(ttl * 1.5);
            engine.server.kill('SIGCONT');
            await contenders.grants(1);
          } while (!contenders.history().some(({ what }) => what === 'lost'));
        },
        { hold: 100 },
      );
      const spoken = history.filter(({ what }) => what === 'refused' || what === 'lost');
      expect(spoken.length).toBeGreaterThan(0);
      // The last of these is what a busy machine does to a client.
      const named =
        /redis at 127|renewed in time|server does not have|does not exist|granted too late|not answered|event loop was blocked/;
      expect(spoken.filter(({ message }) => !named.test(message ?? ''))).toEqual([]);
    });

    test.sequential('connections are cut, again and again', async () => {
      await using proxy = await TcpProxy.start(engine.server.port);
      await engine.contendThrough(
        async (contenders) => {
          for (let n = 0; n < 5; n++) {
            proxy.cut();
            await contenders.grants(1);
          }
        },
        { url: proxy.url },
      );
    });

    test.sequential('connections are half-open for longer than the ttl', async () => {
      await using proxy = await TcpProxy.start(engine.server.port);
      await engine.contendThrough(
        async (contenders) => {
          proxy.mute = true;
          await sleep(ttl * 1.5);
          proxy.mute = false;
          // What was open stays dead: each client has to notice that by itself.
          await contenders.grants(2);
        },
        { url: proxy.url },
      );
    });
  });

  describe('of its clients', { concurrent: true }, () => {
    const engine = new Engine();

    test.sequential('a client is stopped for longer than the ttl: it knows when it wakes', async () => {
      const history = await engine.contendThrough(async (contenders) => {
        for (const client of contenders.processes.slice(0, 2)) {
          client.kill('SIGSTOP');
          await sleep(ttl * 1.3);
          client.kill('SIGCONT');
        }
      });
      expect(history.some(({ what }) => what === 'granted')).toBe(true);
    });

    test.sequential('the event loop of clients is blocked for longer than the ttl: they know when they wake', async () => {
      const history = await engine.contendThrough(async () => {}, { stallEvery: 2, stall: ttl * 1.3 });
      expect(history.filter(({ what }) => what === 'lost').map(({ reason }) => reason)).toContain('blocked');
    });

    test.sequential('negative control: the same without the fence loses updates, and the harness shows it', async () => {
      const plan = { ...engine.freshPlan(), stallEvery: 2, stall: ttl * 2.5, fenced: false };
      await using contenders = new Contenders();
      contenders.start(3, plan);
      await contenders.untilUpdateIsLost(() => engine.counterOf(plan.name));
      expect(violations(await contenders.end())).toEqual([]);
    });

    test.sequential('a client is killed: the next one gets in within ttl + 2 s', async () => {
      // Long enough that the holder keeps it until it is killed.
      const plan = { ...engine.freshPlan(), hold: 600_000, ttl: 3000 };
      await using contenders = new Contenders();
      contenders.start(1, plan);
      await contenders.grants(1);
      contenders.start(1, plan);
      await engine.server.until(async () => (await engine.server.waiters(plan.name)) === 1);
      const killed = now();
      contenders.processes[0]?.kill('SIGKILL');
      await contenders.grants(1);
      const [, next] = contenders.history().filter(({ what }) => what === 'granted');
      expect((next as Fact).at - killed).toBeLessThan(plan.ttl + 2000);
    });

    test.sequential.each(wayNames)(
      'by %s: a waiter whose calls are lost in a half-open connection gets in by its poll',
      async (way) => {
        await using proxy = await TcpProxy.start(engine.server.port);
        await using direct = redisLeaseDriver(ways[way](engine.server.url));
        await using behind = redisLeaseDriver({ ...ways[way](proxy.url), pollEvery: 100 });
        const held = await lease('deaf', { driver: direct, ttl: 30_000 });
        let waits = (): void => {};
        const waiting = new Promise<void>((resolve) => (waits = resolve));
        const next = lease('deaf', { driver: behind, ttl: 30_000, onWait: waits });
        await waiting;
        await engine.server.until(async () => (await engine.server.cli('PUBSUB', 'CHANNELS', '*')) !== '');
        proxy.deafen();
        const released = performance.now();
        await held.release();
        await (await next).release();
        expect(performance.now() - released).toBeLessThan(2000);
      },
    );
  });

  // Each has a server of its own.
  test.concurrent.each(wayNames)(
    'by %s: without a server lease() rejects, a holder loses its lease in time, and nobody hangs',
    async (way) => {
      await using lonely = await RedisServer.start();
      await using driver = redisLeaseDriver(ways[way](lonely.url));
      // Long enough that the server is gone before the first renewal, and that renewal has failed before the end.
      const ttl = 4000;
      const held = await lease('orphan', { driver, ttl });
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => (waits = resolve));
      const queued = lease('orphan', { driver, ttl, onWait: waits });
      const refused = expect(queued).rejects.toMatchObject({ code: 'ERR_REDIS_UNREACHABLE' });
      await waiting;
      const lost = once(held.signal, 'abort');
      const died = performance.now();
      await lonely.crash();
      await expect(lease('other', { driver, ttl })).rejects.toMatchObject({
        code: 'ERR_REDIS_UNREACHABLE',
        endpoint: `127.0.0.1:${lonely.port}`,
      });
      await lost;
      expect(held.signal.reason).toMatchObject({ reason: 'unreachable', cause: { code: 'ERR_REDIS_UNREACHABLE' } });
      await refused;
      await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
      expect(performance.now() - died).toBeLessThan(ttl + 2000);
    },
  );
});
