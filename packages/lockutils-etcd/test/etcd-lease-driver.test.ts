import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Holder, lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

  test('fn holds the lease, its value comes back, and nothing is left in etcd', async () => {
    const value = await lease(freshName(), { driver, ttl: 2000 }, async (held) => {
      held.assertHeld();
      expect(await cluster.leftovers()).not.toBe('');
      return 'done';
    });
    expect(value).toBe('done');
    expect(await cluster.leftovers()).toBe('');
  });

  test('grants in the order of arrival, one at a time, with growing tokens', async () => {
    const name = freshName();
    const first = await lease(name, { driver, ttl: 2000 });
    const order: number[] = [];
    const tokens = [first.fencingToken];
    let inside = 0;
    const waits: Promise<void>[] = [];
    for (let n = 0; n < 12; n++) {
      await new Promise<void>((waiting) => {
        const onWait = (): void => waiting();
        waits.push(
          lease(name, { driver, ttl: 2000, onWait }, async (held) => {
            expect(++inside).toBe(1);
            order.push(n);
            tokens.push(held.fencingToken);
            await Promise.resolve();
            inside--;
          }),
        );
      });
    }
    await first.release();
    await Promise.all(waits);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(tokens.every((token, n) => n === 0 || token > (tokens[n - 1] as bigint))).toBe(true);
    expect(await cluster.leftovers()).toBe('');
  });

  test('names with / do not stand in the queue of the name before it', async () => {
    const name = freshName();
    const outer = await lease(name, { driver, ttl: 2000 });
    await lease(`${name}/x`, { driver, ttl: 2000, timeout: 1500 }, () => {});
    await lease(`${name}%2Fx`, { driver, ttl: 2000, timeout: 1500 }, () => {});
    await outer.release();
  });

  test('onWait and the timeout tell who holds it; the timeout leaves no place in the queue', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 2000, label: 'the first' });
    let heard: Promise<readonly Holder[]> | undefined;
    await expect(
      lease(name, { driver, ttl: 2000, timeout: 200, onWait: (info) => (heard = info.holders()) }),
    ).rejects.toMatchObject({ code: 'ERR_LEASE_TIMEOUT', holders: [{ pid: process.pid, label: 'the first' }] });
    expect(await heard).toMatchObject([{ pid: process.pid, label: 'the first' }]);
    await held.release();
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });

  test('blocking: false fails at once, with nothing written', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 2000 });
    const before = await cluster.leftovers();
    await expect(lease(name, { driver, ttl: 2000, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    expect(await cluster.leftovers()).toBe(before);
    await held.release();
    await lease(name, { driver, ttl: 2000, blocking: false }, () => {});
  });

  test('blocking: false is granted while only an aborted waiter of this driver is being cleaned up', async () => {
    const name = freshName();
    for (let round = 0; round < 10; round++) {
      const held = await lease(name, { driver, ttl: 5000 });
      const change = new AbortController();
      const waiting = new Promise<void>((waits) => {
        lease(name, { driver, ttl: 5000, signal: change.signal, onWait: () => waits() }).catch(() => {});
      });
      await waiting;
      const joining = lease(name, { driver, ttl: 5000, signal: change.signal }).catch(() => {});
      await held.release();
      change.abort();
      await joining;
      await lease(name, { driver, ttl: 5000, blocking: false }, () => {});
    }
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

  test('loses none of 500 names that are asked for at once with a ttl of 10 s', { timeout: 60_000 }, async () => {
    const name = freshName();
    const held = await Promise.all(
      Array.from({ length: 500 }, (_, n) => lease(`${name}-${n}`, { driver, ttl: 10_000 })),
    );
    const start = performance.now();
    await cluster.until(async () => performance.now() - start > 11_000, 20_000);
    expect(held.filter(({ signal }) => signal.aborted).map(({ signal }) => String(signal.reason))).toEqual([]);
    await Promise.all(held.map((one) => one.release()));
  });

  test('G7 aborts at any moment, against the grant too, leave nothing in etcd', async () => {
    const name = freshName();
    let granted = 0;
    const reason = new Error('changed my mind');
    const abortAfter = (turns: number): AbortSignal => {
      const controller = new AbortController();
      const step = (left: number): void => {
        if (left === 0) controller.abort(reason);
        else setImmediate(step, left - 1);
      };
      step(turns);
      return controller.signal;
    };
    const calls = Array.from({ length: 60 }, (_, n) =>
      lease(name, { driver, ttl: 2000, signal: abortAfter(n * 7) }, () => granted++).catch((error: unknown) => {
        expect(error).toBe(reason);
      }),
    );
    await Promise.all(calls);
    await lease(name, { driver, ttl: 2000 }, () => granted++);
    expect(granted).toBeGreaterThan(0);
    await cluster.until(async () => (await cluster.leftovers()) === '');
  });

  test('close ends waits, aborts held leases, leaves nothing in etcd, and refuses further use', async () => {
    const other = etcdLeaseDriver({ endpoints: cluster.endpoints });
    const name = freshName();
    const held = await lease(name, { driver: other, ttl: 2000 });
    const waiting = lease(name, { driver: other, ttl: 2000 });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_ETCD_CLOSED' });
    await other.close();
    await refused;
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
    expect(await cluster.leftovers()).toBe('');
    await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
    await expect(lease(name, { driver: other, ttl: 2000 })).rejects.toMatchObject({ code: 'ERR_ETCD_CLOSED' });
  });

  test('close leaves nothing of a mere waiter, nor of one that is just joining', async () => {
    const name = freshName();
    const held = await lease(name, { driver, ttl: 5000 });
    const before = await cluster.leftovers();
    for (const joining of [false, true]) {
      const other = etcdLeaseDriver({ endpoints: cluster.endpoints });
      const refused = (wait?: () => void) =>
        expect(lease(name, { driver: other, ttl: 5000, ...(wait && { onWait: wait }) })).rejects.toMatchObject({
          code: 'ERR_ETCD_CLOSED',
        });
      let refusal: Promise<void> | undefined;
      if (joining) refusal = refused();
      else await new Promise<void>((waits) => (refusal = refused(waits)));
      await other.close();
      await refusal;
      expect(await cluster.leftovers()).toBe(before);
    }
    await held.release();
  });

  test('renews itself: held for longer than its ttl, with the same token', async () => {
    const held = await lease(freshName(), { driver, ttl: 1000 });
    const start = performance.now();
    await cluster.until(async () => performance.now() - start > 2500);
    held.assertHeld();
    await held.renew();
    expect(held.remaining).toBeGreaterThan(700);
    await held.release();
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
      expect(await cluster.etcdctl('get', 'oslo-concurrency/', '--prefix', '--keys-only')).toBe('');
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
