import { setLogger } from '@oslo-concurrency/core';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { etcdLeaseDriver } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';
import { MuteWatches } from './support/mute-watches.js';
import { RoundRobin } from './support/round-robin.js';

const elapsed = (since: number): number => performance.now() - since;

describe.skipIf(etcdMissing)(`a cluster of three that answers badly, or not at all${withEtcd}`, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(3);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });
  const everybody = (signal: NodeJS.Signals): void => {
    for (const member of cluster.members) member.kill(signal);
  };
  const pass = (ms: number): Promise<void> => {
    const end = performance.now() + ms;
    return cluster.until(async () => performance.now() > end, ms + 5000);
  };

  test('one address in front of all members: no lease is lost in a healthy cluster', async () => {
    await using address = await RoundRobin.start(cluster.endpoints);
    await using driver = etcdLeaseDriver({ endpoints: address.url });
    const held = await Promise.all(
      Array.from({ length: 12 }, (_, n) => lease(`behind-${n}`, { driver, ttl: 10_000, renewEvery: 50 })),
    );
    for (let n = 0; n < 8; n++) {
      await pass(1000);
      address.shuffle();
    }
    expect(held.filter(({ signal }) => signal.aborted).map(({ signal }) => String(signal.reason))).toEqual([]);
    // The control: the requests really went to different members.
    for (const count of address.taken) expect(count).toBeGreaterThan(12);
    await Promise.all(held.map((one) => one.release()));
  });

  test('a waiter whose watch alone goes mute gets in within ttl + 2 s of the release, and so does the one behind it', async () => {
    const ttl = 3000;
    await using proxy = await MuteWatches.start(cluster.endpoints[0] as string);
    await using direct = etcdLeaseDriver({ endpoints: cluster.endpoints });
    await using behind = etcdLeaseDriver({ endpoints: proxy.url });
    const held = await lease('muted', { driver: direct, ttl });
    const { key } = held.grant as unknown as { key: string };
    const waiting = lease('muted', { driver: behind, ttl });
    let muted = 0;
    await cluster.until(async () => {
      muted = proxy.muteNow(key);
      return muted > 0;
    });
    let waits = (): void => {};
    const inLine = new Promise<void>((resolve) => (waits = resolve));
    const last = lease('muted', { driver: direct, ttl, onWait: waits });
    await inLine;
    const released = performance.now();
    await held.release();
    const next = await waiting;
    // The control: it was the mute connection that would have told of it.
    expect(muted).toBe(1);
    expect(elapsed(released)).toBeGreaterThan(20);
    expect(elapsed(released)).toBeLessThan(ttl + 2000);
    await next.release();
    await (await last).release();
  });

  test('G30 three mute members: release, lease and close settle within ttl + 2 s, and say what is left behind', async () => {
    const ttl = 2000;
    // So short that this process may stand still for a second, and the driver's error still comes before that of the call.
    const requestTimeout = 350;
    const driver = etcdLeaseDriver({ endpoints: cluster.endpoints, requestTimeout });
    const closing = etcdLeaseDriver({ endpoints: cluster.endpoints, requestTimeout });
    const held = await lease('mute', { driver, ttl });
    const body = { entered: (): void => {}, leave: (): void => {} };
    const entered = new Promise<void>((resolve) => (body.entered = resolve));
    const around = lease('around', { driver, ttl }, () => {
      body.entered();
      return new Promise<void>((resolve) => (body.leave = resolve));
    });
    await entered;
    const other: HeldLease = await lease('closed', { driver: closing, ttl });
    const warnings: string[] = [];
    const ignore = (): void => {};
    setLogger({ debug: ignore, info: ignore, warn: (message) => warnings.push(message), error: ignore });
    everybody('SIGSTOP');
    try {
      const begun = performance.now();
      body.leave();
      const outcome = (work: Promise<unknown>): Promise<{ code: string; took: number }> =>
        work.then(
          () => ({ code: 'fulfilled', took: elapsed(begun) }),
          (error: { code: string }) => ({ code: error.code, took: elapsed(begun) }),
        );
      const [released, ran, asked, once, closed] = await Promise.all([
        outcome(held.release()),
        outcome(around),
        outcome(lease('mute-too', { driver, ttl })),
        outcome(lease('mute-too', { driver, ttl, blocking: false })),
        outcome(closing.close()),
      ]);
      for (const { took } of [released, ran, asked, once, closed]) expect(took).toBeLessThan(ttl + 2000);
      expect(released.code).toBe('ERR_ETCD_UNAVAILABLE');
      expect(ran.code).toBe('ERR_ETCD_UNAVAILABLE');
      expect(asked.code).toBe('ERR_ETCD_UNAVAILABLE');
      expect(once.code).toBe('ERR_ETCD_UNAVAILABLE');
      expect(closed.code).toBe('fulfilled');
      expect(other.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
      expect(warnings.join('\n')).toMatch(
        /the etcd queue for closed could not be removed, it expires by its ttl of 2000 ms/,
      );
    } finally {
      setLogger(undefined);
      everybody('SIGCONT');
    }
    await cluster.healthy();
    await driver.close();
    await cluster.until(async () => (await cluster.leftovers('oslo-concurrency/')) === '');
  });
});
