import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EtcdGrant, type EtcdLeaseDriver, etcdLeaseDriver, withFence } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';
import { SlowProxy } from './support/slow-proxy.js';

const ttl = 5000;

describe.skipIf(etcdMissing)(`withFence${withEtcd}`, () => {
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
  const stored = async (key: string): Promise<string> =>
    (await cluster.etcdctl('get', key, '--print-value-only')).trim();

  test('writes, deletes and reads in one transaction while the lease is held', async () => {
    await lease('job', { driver, ttl }, async (held) => {
      await withFence(held, [
        { put: 'a', value: 'old' },
        { put: 'b', value: Uint8Array.of(0, 255) },
      ]);
      const { revision, values } = await withFence(held, [
        { get: 'a' },
        { get: 'none' },
        { put: 'a', value: 'new' },
        { delete: 'b' },
      ]);
      expect(String(values.get('a'))).toBe('old');
      expect(values.get('none')).toBeUndefined();
      expect(values.has('none')).toBe(true);
      expect(revision).toBeGreaterThan(held.fencingToken);
      const after = await withFence(held, [{ get: 'a' }, { get: 'b' }]);
      expect(String(after.values.get('a'))).toBe('new');
      expect(after.values.get('b')).toBeUndefined();
    });
  });

  test('writes nothing once the key is gone, and the lease is lost', async () => {
    const held = await lease('job', { driver, ttl });
    // Under the lease's own eyes, but before it can have heard of it: the fence is not the clock's nor the watch's.
    await held.grant.release(new AbortController().signal);
    await expect(withFence(held, [{ put: 'a', value: 'late' }])).rejects.toMatchObject({
      code: 'ERR_FENCED_OUT',
      leaseName: 'job',
      fencingToken: held.fencingToken,
    });
    expect(await stored('a')).toBe('new');
    expect(held.signal.reason).toMatchObject({ reason: 'gone' });
    await expect(withFence(held, [{ put: 'a', value: 'late' }])).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
  });

  test('writes nothing once the key is marked as released, though it is still there', async () => {
    // Of a grant alone, which has no watch that could hear of it first.
    const { signal } = new AbortController();
    const request = { name: 'job', ttl, permits: 1, label: undefined, now: () => performance.now(), waiting() {} };
    const grant = await driver.acquire(request, signal);
    const held = { grant, name: 'job', fencingToken: grant.token, assertHeld() {} } as unknown as HeldLease<EtcdGrant>;
    await withFence(held, [{ put: 'a', value: 'in time' }]);
    await cluster.etcdctl('put', '--ignore-lease', grant.key, '{"farewell":"released"}');
    await expect(withFence(held, [{ put: 'a', value: 'late' }])).rejects.toMatchObject({ code: 'ERR_FENCED_OUT' });
    expect(await stored('a')).toBe('in time');
    await withFence(await lease('other', { driver, ttl }), [{ put: 'a', value: 'new' }]);
    await grant.release(new AbortController().signal);
  });

  test('an answer that does not come is told as unknown, not as failed, and the write is not repeated', async () => {
    await using proxy = await SlowProxy.start(cluster.endpoints[0] as string, 0);
    await using slow = etcdLeaseDriver({ endpoints: proxy.url, requestTimeout: 800 });
    const held = await lease('job', { driver: slow, ttl });
    proxy.delay = Number.POSITIVE_INFINITY;
    await expect(withFence(held, [{ put: 'a', value: 'perhaps' }])).rejects.toMatchObject({
      code: 'ERR_FENCED_WRITE_UNKNOWN',
      cause: { code: 'ERR_ETCD_TIMEOUT' },
    });
    proxy.delay = 0;
    await held.release();
  });

  test('a write that etcd refuses is told as refused', async () => {
    await lease('job', { driver, ttl }, async (held) => {
      const twice = [
        { put: 'a', value: '1' },
        { put: 'a', value: '2' },
      ];
      await expect(withFence(held, twice)).rejects.toMatchObject({ code: 'ERR_ETCD_REQUEST', grpcCode: 3 });
      expect(await stored('a')).toBe('new');
    });
  });

  test('misuse is refused before anything is sent', async () => {
    await lease('job', { driver, ttl }, async (held) => {
      await expect(withFence(held, [{ put: '', value: '' }])).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
      await expect(withFence(held, 'x' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
      await expect(withFence({ grant: {} } as never, [])).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
    });
  });
});
