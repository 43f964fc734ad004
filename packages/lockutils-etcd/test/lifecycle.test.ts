import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';
import { type EtcdLeaseDriver, etcdLeaseDriver } from '../src/index.js';
import { EtcdCluster, etcdMissing, withEtcd } from './support/etcd-cluster.js';

const pending = fileURLToPath(new URL('./fixtures/pending.mjs', import.meta.url));

describe.skipIf(etcdMissing)(`the life of a process${withEtcd}`, () => {
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

  test.each(['exit', 'abort', 'terminate a worker'])('G8 with a wait pending: %s ends within 500 ms', async (what) => {
    const took: number[] = [];
    // The best of three: what is promised is that nothing is waited for, not that this machine is idle.
    for (let n = 0; n < 3 && !took.some((ms) => ms < 500); n++) {
      const held = await lease(`${what} ${n}`, { driver, ttl: 5000 });
      const child = fork(pending, [cluster.endpoints[0] as string, `${what} ${n}`, what]);
      await once(child, 'message');
      const waits = performance.now();
      const [code] = (await once(child, 'exit')) as [number | null];
      took.push(performance.now() - waits);
      expect(code).toBe(0);
      await held.release();
    }
    expect(Math.min(...took)).toBeLessThan(500);
  });

  test('a history that etcd has compacted away disturbs neither a holder nor a waiter', async () => {
    const held = await lease('compacted', { driver, ttl: 20_000 });
    let waits = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const next = lease('compacted', { driver, ttl: 20_000, onWait: () => waits() }, () => {});
    await waiting;
    for (let n = 0; n < 3; n++) {
      await cluster.etcdctl('put', 'noise', String(n));
      const status = JSON.parse(await cluster.etcdctl('endpoint', 'status', '-w', 'json')) as {
        Status: { header: { revision: number } };
      }[];
      await cluster.etcdctl('compact', String(status[0]?.Status.header.revision));
      await held.renew();
    }
    await held.release();
    await next;
  });

  test('fifty waits of one process are served in order', async () => {
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        lease('many', { driver, ttl: 10_000 }, ({ fencingToken }) => order.push(Number(fencingToken), n)),
      ),
    );
    const tokens = order.filter((_, index) => index % 2 === 0);
    expect(tokens).toHaveLength(50);
    expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  });
});

test('G22 importing it adds no listener, loads no undici and patches nothing', () => {
  const program = `
    const listeners = () => JSON.stringify(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
    await import('@oslo-concurrency/lockutils');
    const before = [listeners(), globalThis.fetch, Object.getOwnPropertySymbols(globalThis).length];
    await import('@oslo-concurrency/lockutils-etcd');
    const after = [listeners(), globalThis.fetch, Object.getOwnPropertySymbols(globalThis).length];
    console.log(JSON.stringify({ same: before.every((value, index) => value === after[index]),
      undici: Object.getOwnPropertySymbols(globalThis).some((symbol) => String(symbol).includes('undici')) }));`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual({ same: true, undici: false });
});

test('G22 importing it after lockutils is two files of at most 80,000 characters, and needs no more modules of Node', () => {
  const after = [import.meta.resolve('@oslo-concurrency/lockutils')];
  const footprint = importFootprint(import.meta.resolve('@oslo-concurrency/lockutils-etcd'), { after });
  expect(footprint.files).toHaveLength(2);
  expect(footprint.kilocharacters).toBeLessThanOrEqual(80);
  expect(footprint.nodeModules).toBe(0);
});
