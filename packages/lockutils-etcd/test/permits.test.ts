import { type HeldLease, lease, leaseAll } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EtcdLeaseDriver, etcdLeaseDriver } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const ttl = 5000;

describe.skipIf(etcdMissing)(`permits on etcd${withEtcd}`, () => {
  let cluster: EtcdCluster;
  let driver: EtcdLeaseDriver;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    driver = etcdLeaseDriver({ endpoints: cluster.endpoints });
  });
  afterAll(async () => {
    await driver?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  test('at most n hold a name at a time, and all are granted in the end, with growing tokens', async () => {
    let now = 0;
    let most = 0;
    const tokens: bigint[] = [];
    let full = (): void => {};
    const filled = new Promise<void>((resolve) => (full = resolve));
    const one = () =>
      lease('pool', { driver, ttl, permits: 3 }, async ({ fencingToken }) => {
        tokens.push(fencingToken);
        most = Math.max(most, ++now);
        // The first ones wait for each other.
        if (now === 3) full();
        await filled;
        await new Promise((done) => setTimeout(done, 5));
        now--;
      });
    await Promise.all(Array.from({ length: 20 }, one));
    expect(most).toBe(3);
    expect(new Set(tokens).size).toBe(20);
    expect(await cluster.leftovers()).toBe('');
  });

  test('a release lets the next one in, in order of arrival; one that asks for one only waits for all, and holds up those behind it', async () => {
    const options = { driver, ttl, permits: 2 };
    const first = await lease('mixed', options);
    const second = await lease('mixed', options);
    const order: string[] = [];
    const alone = { held: undefined as Promise<HeldLease> | undefined };
    const late = { held: undefined as Promise<HeldLease> | undefined };
    const waitFor = async (name: string, permits: number, into: { held: Promise<HeldLease> | undefined }) => {
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => {
        waits = resolve;
      });
      into.held = lease('mixed', { driver, ttl, permits, onWait: () => waits() }).then((held) => {
        order.push(name);
        return held;
      });
      await waiting;
    };
    await waitFor('alone', 1, alone);
    await waitFor('late', 2, late);
    // One place is free now, but the one that wants to be alone comes first.
    await second.release();
    await expect(lease('mixed', { ...options, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    expect(order).toEqual([]);
    await first.release();
    const exclusive = (await alone.held) as HeldLease;
    expect(order).toEqual(['alone']);
    await exclusive.release();
    await ((await late.held) as HeldLease).release();
    expect(order).toEqual(['alone', 'late']);
  });

  test('one that admits only itself is not granted behind a released key while an earlier holder goes on', async () => {
    const [earlier, later] = [
      await lease('gap', { driver, ttl, permits: 2 }),
      await lease('gap', { driver, ttl, permits: 2 }),
    ];
    // As between the farewell of a holder and the revocation of its lease.
    const { key } = later.grant;
    await cluster.etcdctl('put', key, '{"permits":2,"farewell":"released"}', '--ignore-lease');
    await expect(lease('gap', { driver, ttl, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await expect(lease('gap', { driver, ttl, timeout: 300 })).rejects.toMatchObject({ code: 'ERR_LEASE_TIMEOUT' });
    await earlier.release();
    await lease('gap', { driver, ttl }, () => {});
    await later.release().catch(() => {});
  });

  test('G13 leaseAll: callers that name the same leases in opposite orders never wait in a cycle, and leave nothing behind', async () => {
    const other = etcdLeaseDriver({ endpoints: cluster.endpoints });
    const names = ['m', 'n', 'o'];
    const rounds = async (by: EtcdLeaseDriver, order: readonly string[]): Promise<void> => {
      for (let n = 0; n < 5; n++) {
        await leaseAll(order, { driver: by, ttl, timeout: 20_000 }, ({ leases }) => {
          expect(leases.map(({ name }) => name)).toEqual(names);
        });
      }
    };
    await Promise.all([rounds(driver, names), rounds(other, [...names].reverse())]);
    await other.close();
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });
});
