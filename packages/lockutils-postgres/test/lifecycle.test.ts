import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { lease } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';
import { type PostgresLeaseDriver, postgresLeaseDriver } from '../src/index.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';

const pending = fileURLToPath(new URL('./fixtures/pending.mjs', import.meta.url));

describe.skipIf(postgresMissing)(`the life of a process${withPostgres}`, () => {
  let server: PostgresServer;
  let driver: PostgresLeaseDriver;
  beforeAll(async () => {
    server = await PostgresServer.start();
    driver = postgresLeaseDriver({ url: server.url });
  });
  afterAll(async () => {
    await driver?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.each(['exit', 'abort', 'terminate a worker'])('G8 with a wait pending: %s ends within 500 ms', async (what) => {
    const took: number[] = [];
    // The best of three: what is promised is that nothing is waited for, not that this machine is idle.
    for (let n = 0; n < 3 && !took.some((ms) => ms < 500); n++) {
      const held = await lease(`${what} ${n}`, { driver, ttl: 5000 });
      const child = fork(pending, [server.url, `${what} ${n}`, what]);
      await once(child, 'message');
      const waits = performance.now();
      const [code] = (await once(child, 'exit')) as [number | null];
      took.push(performance.now() - waits);
      expect(code).toBe(0);
      await held.release();
    }
    expect(Math.min(...took)).toBeLessThan(500);
  });

  test('a process that has waited, held and released ends by itself, without close', async () => {
    const listeners = () => server.sql(`SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN %'`);
    const held = await lease('release', { driver, ttl: 5000 });
    // Those of processes that have ended are gone.
    await until(async () => (await listeners()).length === 0);
    const child = fork(pending, [server.url, 'release', 'release']);
    await once(child, 'message');
    const exit = once(child, 'exit');
    await until(async () => (await listeners()).length === 1);
    const released = performance.now();
    await held.release();
    const [code] = (await exit) as [number | null];
    expect(code).toBe(0);
    // The connection that listens stays for 10 s.
    expect(performance.now() - released).toBeLessThan(5000);
    expect(await server.sql(`SELECT 1 FROM oslo_leases_claims WHERE name = 'release'`)).toEqual([]);
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

test('G22 importing it adds no listener, loads no pg and patches nothing', () => {
  const program = `
    import { createRequire } from 'node:module';
    const listeners = () => JSON.stringify(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
    const before = [listeners(), Object.getOwnPropertyNames(globalThis).length];
    await import('@oslo-concurrency/lockutils-postgres');
    const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache).filter((file) => /node_modules.pg/.test(file));
    console.log(JSON.stringify([listeners() === before[0], Object.getOwnPropertyNames(globalThis).length === before[1], loaded]));`;
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const answer = String(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd }));
  expect(JSON.parse(answer)).toEqual([true, true, []]);
});

test('G22 importing it after lockutils is two files of at most 70,000 characters, and needs no more modules of Node', () => {
  const after = [import.meta.resolve('@oslo-concurrency/lockutils')];
  const footprint = importFootprint(import.meta.resolve('@oslo-concurrency/lockutils-postgres'), { after });
  expect(footprint.files).toHaveLength(2);
  expect(footprint.kilocharacters).toBeLessThanOrEqual(70);
  expect(footprint.nodeModules).toBe(0);
});
