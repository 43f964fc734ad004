import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leasePromises } from '../../../lease-promises.js';
import { type EtcdLeaseDriver, etcdLeaseDriver } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

describe.skipIf(etcdMissing)(`leases on one etcd member${withEtcd}`, () => {
  let cluster: EtcdCluster;
  let driver: EtcdLeaseDriver;
  let names = 0;
  const freshName = (): string => `name-${++names}`;

  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
    driver = etcdLeaseDriver({ endpoints: cluster.endpoints });
  });
  afterAll(async () => {
    await driver?.close();
    await cluster?.[Symbol.asyncDispose]();
  });

  const promises = leasePromises({
    another: () => etcdLeaseDriver({ endpoints: cluster.endpoints }),
    leftovers: () => cluster.leftovers(),
    empty: '',
    closed: 'ERR_ETCD_CLOSED',
  });
  for (const { title, run } of promises) test(title, run);

  test('names with / do not stand in the queue of the name before it', async () => {
    const name = freshName();
    const outer = await lease(name, { driver, ttl: 60_000 });
    await lease(`${name}/x`, { driver, ttl: 60_000, timeout: 10_000 }, () => {});
    await lease(`${name}%2Fx`, { driver, ttl: 60_000, timeout: 10_000 }, () => {});
    await outer.release();
  });

  test('blocking: false is granted behind a waiter that said it left, and refused when a holder stands before that', async () => {
    const name = freshName();
    const other = etcdLeaseDriver({ endpoints: cluster.endpoints });
    const left = async (): Promise<void> => {
      // As a waiter of another process that died between its farewell and the revocation.
      const { signal } = new AbortController();
      const request = { name, ttl: 5000, permits: 1, label: undefined, now: () => performance.now(), waiting() {} };
      const place = await other.acquire(request, signal);
      await cluster.etcdctl('put', place.key, '{"farewell":"left"}', '--ignore-lease');
    };
    await left();
    const held = await lease(name, { driver, ttl: 5000, blocking: false });
    const key = (held.grant as unknown as { key: string }).key;
    await cluster.etcdctl('put', `${key.slice(0, key.lastIndexOf('/'))}/ffff`, '{"farewell":"left"}');
    await expect(lease(name, { driver, ttl: 5000, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await cluster.etcdctl('del', `${key.slice(0, key.lastIndexOf('/'))}/ffff`);
    await held.release();
    await other.close();
  });

  test('loses none of 500 names that are asked for at once with a ttl of 10 s', async () => {
    const name = freshName();
    const all = (ttl: number): Promise<HeldLease[]> =>
      Promise.all(Array.from({ length: 500 }, (_, n) => lease(`${name}-${n}`, { driver, ttl })));
    // On a slow machine the answers take longer, and then 10 s are too short for any client.
    const begun = performance.now();
    await Promise.all((await all(60_000)).map((one) => one.release()));
    const ttl = Math.max(10_000, performance.now() - begun);
    const held = await all(ttl);
    const start = performance.now();
    await cluster.until(async () => performance.now() - start > ttl * 1.1, ttl * 2);
    expect(held.filter(({ signal }) => signal.aborted).map(({ signal }) => String(signal.reason))).toEqual([]);
    await Promise.all(held.map((one) => one.release()));
  });

  test('G4 a key deleted under its holder: the signal aborts, and the late release hurts no successor', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 5000 });
    const lost = once(held.signal, 'abort').then(() => performance.now());
    const next = lease(name, { driver, ttl: 5000 });
    const granted = next.then(() => performance.now());
    await cluster.until(async () => (await cluster.leftovers()).split(name).length === 3);
    const keys = await cluster.etcdctl(
      'get',
      `oslo-concurrency/${name}/`,
      '--prefix',
      '--keys-only',
      '--sort-by=CREATE',
    );
    await cluster.etcdctl('del', keys.split('\n')[0] as string);
    // The successor stays back, so that the holder has heard of it before.
    expect((await granted) - (await lost)).toBeGreaterThan(100);
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    const successor = await next;
    await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    await successor.renew();
    await successor.release();
  });

  describe('beside etcdctl lock', () => {
    /** Holds the lock by the program until it is told to end. */
    const etcdctlLock = (name: string, ttl = 10) => {
      const program = spawn(
        'etcdctl',
        [...cluster.etcdctlFlags(), 'lock', `--ttl=${ttl}`, `oslo-concurrency/${name}`],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: cluster.etcdctlEnv(),
        },
      );
      return { program, holds: once(program.stdout, 'data'), ended: once(program, 'exit') };
    };

    test('a lease waits for etcdctl, and gets in when that unlocks', async () => {
      const name = freshName();
      const { program, holds, ended } = etcdctlLock(name);
      await holds;
      await expect(lease(name, { driver, ttl: 2000, timeout: 200 })).rejects.toMatchObject({
        code: 'ERR_LEASE_TIMEOUT',
      });
      let waits = (): void => {};
      const waiting = new Promise<void>((resolve) => {
        waits = resolve;
      });
      const got = lease(
        name,
        { driver, ttl: 2000, onWait: waits },
        () => program.exitCode ?? program.signalCode ?? 'sent',
      );
      await waiting;
      program.kill('SIGINT');
      await got;
      await ended;
      // etcdctl leaves its lease to expire, but no key.
      expect(await cluster.etcdctl('get', `oslo-concurrency/${name}/`, '--prefix', '--keys-only')).toBe('');
    });

    test('etcdctl waits for a lease, and gets in when that is released', async () => {
      const name = freshName();
      const held = await lease(name, { driver, ttl: 5000 });
      const { program, holds, ended } = etcdctlLock(name);
      let holding = false;
      const got = holds.then(() => {
        holding = true;
      });
      await cluster.until(async () => (await cluster.leftovers()).split(`/${name}/`).length === 3);
      await held.renew();
      expect(holding).toBe(false);
      await held.release();
      await got;
      await expect(lease(name, { driver, ttl: 2000, blocking: false })).rejects.toMatchObject({
        code: 'ERR_LEASE_NOT_ACQUIRED',
      });
      program.kill('SIGINT');
      await ended;
    });
  });
});
