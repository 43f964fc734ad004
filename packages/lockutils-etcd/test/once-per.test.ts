import { lease, oncePer } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { etcdLeaseDriver } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const ttl = 20_000;

describe.skipIf(etcdMissing)(`G31 oncePer on etcd${withEtcd}`, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start(1);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  test('of drivers that call it for one tick at once, one runs; the others learn how it ended; after keep it is forgotten', async () => {
    const drivers = Array.from({ length: 5 }, () => etcdLeaseDriver({ endpoints: cluster.endpoints }));
    const options = { ttl, afterCrash: 'skip', keep: 4000 } as const;
    let runs = 0;
    const results = await Promise.all(
      drivers.map((driver) => oncePer('job/1', 'x', { ...options, driver }, () => ++runs)),
    );
    expect(runs).toBe(1);
    expect(results.filter(({ ran }) => ran)).toHaveLength(1);
    for (const { record } of results) expect(record).toMatchObject({ outcome: 'done', by: { pid: process.pid } });
    expect(await cluster.etcdctl('get', 'oslo-concurrency/', '--prefix', '--keys-only')).toContain('%record/job%2F1@x');
    await Promise.all(drivers.map((driver) => driver.close()));
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });

  test('a record is refused once the lease is gone, though its holder does not know', async () => {
    await using driver = etcdLeaseDriver({ endpoints: cluster.endpoints });
    const { signal } = new AbortController();
    const held = await lease('job', { driver, ttl });
    expect(await held.grant.record.write('first', 60_000, signal)).toBe(true);
    expect(await held.grant.record.read(signal)).toBe('first');
    await held.grant.release(signal);
    expect(await held.grant.record.write('late', 60_000, signal)).toBe(false);
    const next = await lease('job', { driver, ttl });
    expect(await next.grant.record.read(signal)).toBe('first');
    await next.release();
    await held.release().catch(() => {});
  });
});
