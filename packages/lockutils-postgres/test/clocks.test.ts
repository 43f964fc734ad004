import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFakeTime } from '@oslo-concurrency/fixture';
import { type HeldLease, lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresGrant, postgresLeaseDriver, withFence } from '../src/index.js';
import { contend, contendThrough, expectCounted, ttl } from './server/contend-through.js';
import { giveTo, PostgresServer, postgresMissing, withPostgres } from './server/postgres-server.js';

const library = findFakeTime();
const missing = postgresMissing || library === undefined;
if (library === undefined && process.env.CI && process.platform === 'linux')
  throw new Error('libfaketime is missing: apt-get install libfaketime');
const skipped = library === undefined ? ' (skipped: needs the Debian package libfaketime)' : withPostgres;

/** A wall clock of programs of its own, which is set while they run, as by an administrator or a bad time server. */
class WallClock implements Disposable {
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'clock-'));
  readonly #file = join(this.#folder, 'shift');

  constructor() {
    giveTo(this.#folder);
    this.set(0);
  }

  /** Sets the clock to this number of seconds after the true time. */
  set(shift: number): void {
    // In one step: a program that reads the file while it is empty has another time for a moment.
    writeFileSync(`${this.#file}.new`, `${shift < 0 ? '' : '+'}${shift}`);
    giveTo(`${this.#file}.new`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** The environment of a program with this clock. */
  get env(): { readonly [name: string]: string } {
    return {
      LD_PRELOAD: library as string,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe.skipIf(missing)(`clocks that are set${skipped}`, () => {
  let clock: WallClock;
  let server: PostgresServer;
  beforeAll(async () => {
    clock = new WallClock();
    server = await PostgresServer.startIn(clock.env);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    clock?.[Symbol.dispose]();
  });

  test('the clock of a client: set forward, its lease ends early; set back, nothing happens; never two holders', async () => {
    using own = new WallClock();
    const history = await contendThrough({
      server,
      // A busy machine may stop a client for longer than the ttl of the other tests, which would be another loss.
      plan: { hold: 30, ttl: 4000 },
      env: (index) => (index === 0 ? own.env : {}),
      async fault(contenders) {
        own.set(-7200);
        await contenders.grants(4);
        expect(contenders.history().filter(({ what }) => what === 'lost')).toEqual([]);
        // Sooner or later just while it holds.
        for (let shift = 0; contenders.history().every(({ what }) => what !== 'lost'); shift += 60) {
          own.set(shift);
          await contenders.grants(1);
        }
      },
    });
    const lost = history.filter(({ what }) => what === 'lost');
    for (const { id, reason } of lost) expect([id, reason]).toEqual(['c0', 'slept']);
  });

  test('negative control: the clock of the server, set forward, lets a second holder in, with a greater token; the fence refuses the first one', async () => {
    await using driver = postgresLeaseDriver({ url: server.url });
    await using other = postgresLeaseDriver({ url: server.url });
    const first = await lease('job', { driver, ttl: 20_000 });
    clock.set(60);
    const second = await lease('job', { driver: other, ttl: 20_000 });
    expect(first.signal.aborted).toBe(false);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    const client = new pg.Client(server.url);
    await client.connect();
    const fenced = async (held: HeldLease<PostgresGrant>): Promise<void> => {
      await client.query('BEGIN');
      await withFence(client, held).finally(() => client.query('ROLLBACK'));
    };
    await fenced(second);
    await expect(fenced(first)).rejects.toMatchObject({ code: 'ERR_FENCED_OUT' });
    expect(first.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    await client.end();
    await second.release();
  });

  test('the clock of the server, set forward under contenders: the counter has every addition that was confirmed with the fence', async () => {
    const { history, counted } = await contend({
      server,
      async fault(contenders) {
        for (const shift of [120, 180, 240]) {
          clock.set(shift);
          await contenders.grants(2);
        }
      },
    });
    expectCounted(history, counted);
  });

  test('the clock of the server, set back: no two holders, tokens that grow, and a dead holder is followed later by that much', async () => {
    await contendThrough({
      server,
      rounds: 1,
      async fault(contenders) {
        clock.set(-3600);
        await contenders.grants(4);
      },
    });
    await using driver = postgresLeaseDriver({ url: server.url });
    const request = { name: 'dead', ttl, permits: 1, label: undefined, now: () => performance.now(), waiting() {} };
    const asked = performance.now();
    const dead = await driver.tryAcquire(request, new AbortController().signal);
    clock.set(-3602);
    const begun = performance.now();
    const next = await lease('dead', { driver, ttl });
    expect(performance.now() - asked).toBeGreaterThan(2000 + ttl - 100);
    expect(performance.now() - begun).toBeLessThan(2000 + ttl + 2000);
    expect(next.fencingToken).toBeGreaterThan(dead?.token ?? 0n);
    await next.release();
  });
});
