import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setLogger } from '@oslo-concurrency/core';
import { lease } from '@oslo-concurrency/lockutils';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fact } from '../../../lease-history.js';
import { postgresLeaseDriver } from '../src/index.js';
import { type Contention, contendThrough, counterOf, freshPlan, soak, ttl } from './server/contend-through.js';
import { type ContenderPlan, Contenders } from './server/contenders.js';
import { Pooler } from './server/pooler.js';
import { PostgresServer, postgresMissing, until, withPostgres } from './server/postgres-server.js';
import { TcpProxy } from './server/tcp-proxy.js';

/** A ttl that a busy machine does not exceed: a grant that is late is refused with another error than the one of the fault. */
const patient = 3000;
/**
 * The server ends a transaction that is left open, as the README asks for: a client that is stopped or cut off behind its
 * fence keeps the others out until then.
 */
const endsIdle = (url: string): string => `${url}?options=-c%20idle_in_transaction_session_timeout%3D600`;
const elapsed = (since: number): number => performance.now() - since;

/** A server for the tests of one group, and a way to it. */
class Engine {
  server!: PostgresServer;
  proxy!: TcpProxy;

  constructor() {
    beforeAll(async () => {
      this.server = await PostgresServer.start();
      this.proxy = await TcpProxy.start(this.server.port);
    });
    afterAll(async () => {
      await this.proxy?.[Symbol.asyncDispose]();
      await this.server?.[Symbol.asyncDispose]();
    });
  }

  contendThrough(fault: Contention['fault'], plan: Partial<ContenderPlan> = {}): Promise<readonly Fact[]> {
    return contendThrough({ server: this.server, plan, fault });
  }
}

// Most of the time of a fault is waiting for a ttl, so the groups run at the same time. Each has a server of its own, which its
// faults change one after the other.
describe.skipIf(postgresMissing)(
  `faults of Postgres and of the way to it${withPostgres}`,
  { timeout: 180_000 * soak },
  () => {
    describe('of the server', { concurrent: true }, () => {
      const engine = new Engine();

      test.sequential('nothing goes wrong: the counter is exact, and no lease is lost', async () => {
        // A busy machine may stop a client for longer than the ttl of the other tests.
        const history = await engine.contendThrough(() => sleep(300), { ttl: 20_000 });
        expect(history.filter(({ what }) => what === 'lost' || what === 'refused' || what === 'not added')).toEqual([]);
      });

      test.sequential('the server is killed and back with its data: no two holders, and the tokens grow', async () => {
        await engine.contendThrough(async () => {
          await engine.server.crash();
          await sleep(300);
          await engine.server.reboot();
        });
      });

      test.sequential('the server is stopped for longer than the ttl: no two holders', async () => {
        // The control: a holder did lose its lease. The first stop may come just when none holds.
        const lost = (history: readonly Fact[]) => history.some(({ what }) => what === 'lost' || what === 'not added');
        await engine.contendThrough(
          async (contenders) => {
            do {
              await contenders.grants(1);
              engine.server.kill('SIGSTOP');
              await sleep(ttl * 1.5);
              engine.server.kill('SIGCONT');
              await contenders.grants(3);
            } while (!lost(contenders.history()));
          },
          { hold: 100 },
        );
      });

      test.sequential('the server takes no writes for a while: no two holders, and each error says so', async () => {
        const readOnly = async (value: string): Promise<void> => {
          await engine.server.sql(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
          await engine.server.sql('SELECT pg_reload_conf()');
        };
        const refused: string[] = [];
        try {
          await engine.contendThrough(
            async (contenders) => {
              const before = contenders.history().length;
              await readOnly('on');
              await until(() =>
                contenders
                  .history()
                  .slice(before)
                  .some(({ what }) => what === 'refused'),
              );
              await sleep(ttl);
              for (const { what, code } of contenders.history().slice(before))
                if (what === 'refused') refused.push(code ?? '');
              await readOnly('off');
            },
            { ttl: patient },
          );
        } finally {
          await readOnly('off');
        }
        expect(new Set(refused)).toEqual(new Set(['ERR_POSTGRES_READ_ONLY']));
      });

      test.sequential('the server has no connection left for a while: no two holders, and each error says so', async () => {
        await engine.server.sql('CREATE ROLE crowded LOGIN IN ROLE tester');
        await engine.server.sql('GRANT ALL ON ALL TABLES IN SCHEMA public TO crowded');
        const refused: string[] = [];
        await engine.contendThrough(
          async (contenders) => {
            const before = contenders.history().length;
            await engine.server.sql('ALTER ROLE crowded CONNECTION LIMIT 0');
            await engine.server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'crowded'`);
            const facts = () => contenders.history().slice(before);
            await until(() => facts().some(({ code }) => code === 'ERR_POSTGRES_CONNECTIONS'));
            await sleep(ttl);
            for (const { what, code } of facts()) if (what === 'refused') refused.push(code ?? '');
            await engine.server.sql('ALTER ROLE crowded CONNECTION LIMIT -1');
          },
          { url: engine.server.url.replace('tester', 'crowded'), ttl: patient },
        );
        for (const code of refused) expect(code).toMatch(/^ERR_POSTGRES_(CONNECTIONS|UNREACHABLE)$/);
      });

      test.sequential('G30 a mute server: lease, release and close settle within ttl + 2 s, and say what is left behind', async () => {
        // What is held must not end before the server is stopped.
        const ttl = 2000;
        // So short that this process may stand still for a second, and the driver's error still comes before that of the call.
        const requestTimeout = 1000;
        const driver = postgresLeaseDriver({ url: engine.server.url, requestTimeout });
        const closing = postgresLeaseDriver({ url: engine.server.url, requestTimeout });
        const held = await lease('mute', { driver, ttl });
        const other = await lease('closed', { driver: closing, ttl });
        const waits = lease('closed', { driver, ttl });
        waits.catch(() => {});
        const warnings: string[] = [];
        const ignore = (): void => {};
        setLogger({ debug: ignore, info: ignore, warn: (message) => warnings.push(message), error: ignore });
        engine.server.kill('SIGSTOP');
        try {
          const begun = performance.now();
          const outcome = (work: Promise<unknown>): Promise<{ code: string; took: number; message: string }> =>
            work.then(
              () => ({ code: 'fulfilled', took: elapsed(begun), message: '' }),
              ({ code, message }: Error & { code: string }) => ({ code, took: elapsed(begun), message }),
            );
          const [released, asked, once, closed, waited] = await Promise.all([
            outcome(held.release()),
            outcome(lease('mute-too', { driver, ttl })),
            outcome(lease('mute-too', { driver, ttl, blocking: false })),
            outcome(closing.close()),
            outcome(waits),
          ]);
          for (const { took } of [released, asked, once, closed, waited]) expect(took).toBeLessThan(ttl + 2000);
          for (const { code, message } of [released, asked, once, waited]) {
            expect(code).toBe('ERR_POSTGRES_TIMEOUT');
            expect(message).toContain(engine.server.endpoint);
          }
          expect(closed.code).toBe('fulfilled');
          expect(other.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
          expect(warnings.join('\n')).toMatch(
            /the postgres queue for closed could not be removed, it expires by its ttl/,
          );
        } finally {
          setLogger(undefined);
          engine.server.kill('SIGCONT');
        }
        await engine.server.ready();
        await driver.close();
      });

      test.sequential('the server is gone: lease rejects at once, a held lease is lost with the cause, nobody hangs', async () => {
        const driver = postgresLeaseDriver({ url: engine.server.url });
        // Long enough that the server is gone before its first renewal, and that renewal has failed before its end.
        const held = await lease('orphan', { driver, ttl: 5000 });
        const lost = once(held.signal, 'abort');
        await engine.server.crash();
        await expect(lease('other', { driver, ttl: 5000 })).rejects.toMatchObject({
          code: 'ERR_POSTGRES_UNREACHABLE',
          endpoint: engine.server.endpoint,
        });
        await lost;
        expect(held.signal.reason).toMatchObject({
          reason: 'unreachable',
          cause: { code: 'ERR_POSTGRES_UNREACHABLE' },
        });
        await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
        await driver.close();
        await engine.server.reboot();
      });
    });

    describe('of the way to it', { concurrent: true }, () => {
      const engine = new Engine();

      test.sequential('all connections are cut, again and again: nothing is lost but time', async () => {
        await engine.contendThrough(
          async (contenders) => {
            for (let n = 0; n < 5; n++) {
              // How many contenders are connected at a time, the machine decides.
              await until(() => engine.proxy.cut() > 0);
              await contenders.grants(1);
            }
          },
          { url: engine.proxy.url },
        );
      });

      test.sequential('all connections are half-open: holders go on over new ones before their leases end', async () => {
        const driver = postgresLeaseDriver({ url: engine.proxy.url });
        const long = 8000;
        // Fills the pool with connections that will all be dead.
        const held = await Promise.all(Array.from({ length: 5 }, (_, n) => lease(`half-${n}`, { driver, ttl: long })));
        let granted: Promise<unknown> | undefined;
        await new Promise<void>((waits) => {
          granted = lease('half-0', { driver, ttl: long, onWait: () => waits() }, () => {});
        });
        expect(engine.proxy.halfOpen()).toBeGreaterThan(2);
        // Each is renewed, or the loss of one ends the wait.
        const ends = held.map(({ expiresAt }) => expiresAt);
        await until(() =>
          held.every(({ expiresAt, signal }, n) => signal.aborted || expiresAt > (ends[n] ?? 0) + long / 4),
        );
        for (const one of held) one.assertHeld();
        const released = performance.now();
        await Promise.all(held.map((one) => one.release()));
        await granted;
        expect(elapsed(released)).toBeLessThan(long + 2000);
        await driver.close();
        expect(await engine.server.claims()).toBe(0);
      });

      test.sequential('the answer to a grant is lost: it is found, counted from before it was asked for, and held once', async () => {
        const pool = new pg.Pool({ connectionString: engine.proxy.url, max: 1 });
        // The second attempt has no more time than the first one, and the server may stand still for a second.
        const requestTimeout = 1500;
        await using driver = postgresLeaseDriver({ pool, requestTimeout });
        const ttl = 20_000;
        await lease('unanswered', { driver, ttl }, () => {});
        // The one connection is idle again.
        await pool.query('SELECT 1');
        expect(engine.proxy.loseAnswers()).toBeGreaterThan(0);
        const asked = performance.now();
        const held = await lease('unanswered', { driver, ttl });
        const waited = elapsed(asked);
        expect(waited).toBeGreaterThan(requestTimeout * 0.8);
        // The connection that did not answer is closed, and not returned to the pool.
        expect(pool.totalCount).toBe(0);
        // Counted from when it was answered, it would be at least the whole wait more.
        expect(held.grant.validUntil - ttl - asked).toBeLessThan(waited - requestTimeout * 0.8);
        const rows = await engine.server.sql(`SELECT token FROM oslo_leases_claims WHERE name = 'unanswered'`);
        expect(rows).toEqual([{ token: String(held.fencingToken) }]);
        await held.release();
        await driver.close();
        await pool.end();
      });

      test.sequential('the answer to a grant is lost, and the lease has ended before it is found: it is granted anew', async () => {
        // The first grant of the name ends as soon as it is there.
        await engine.server.sql('CREATE TABLE short AS SELECT 1');
        await engine.server.sql(`CREATE FUNCTION ends() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.name = 'ended' AND NEW.token IS NOT NULL THEN
            DELETE FROM short;
            IF FOUND THEN NEW.expires_at = 'epoch'; END IF;
          END IF;
          RETURN NEW; END $$`);
        const pool = new pg.Pool({ connectionString: engine.proxy.url, max: 1 });
        await using driver = postgresLeaseDriver({ pool, requestTimeout: 1000 });
        await lease('ready', { driver, ttl: patient }, () => {});
        await engine.server.sql(
          'CREATE TRIGGER ends BEFORE INSERT ON oslo_leases_claims FOR EACH ROW EXECUTE FUNCTION ends()',
        );
        // The one connection is idle again.
        await pool.query('SELECT 1');
        expect(engine.proxy.loseAnswers()).toBeGreaterThan(0);
        await lease('ended', { driver, ttl: patient, timeout: 20_000 }, () => {});
        expect(await engine.server.sql('SELECT 1 FROM short')).toEqual([]);
        await engine.server.sql('DROP TRIGGER ends ON oslo_leases_claims');
        await driver.close();
        await pool.end();
      });

      test.sequential('the answer to a release is lost: it rejects with that, and reports no loss that was not seen', async () => {
        await using driver = postgresLeaseDriver({ url: engine.proxy.url, requestTimeout: 1500 });
        const held = await lease('released', { driver, ttl: 20_000 });
        expect(engine.proxy.loseAnswers()).toBeGreaterThan(0);
        await expect(held.release()).rejects.toMatchObject({ code: 'ERR_POSTGRES_TIMEOUT', maybeApplied: true });
        expect(await engine.server.sql(`SELECT 1 FROM oslo_leases_claims WHERE name = 'released'`)).toEqual([]);
      });

      test.sequential('all connections are half-open, and the fences of the holders behind them: the others go on when the server ends those', async () => {
        let halfOpen = 0;
        await engine.contendThrough(
          async (contenders) => {
            halfOpen += engine.proxy.halfOpen();
            await contenders.grants(3);
          },
          { url: endsIdle(engine.proxy.url), patience: 600 },
        );
        // How many contenders have connected by then, the machine decides.
        expect(halfOpen).toBeGreaterThan(0);
      });

      test.sequential('a pooler is killed and back under contenders: no two holders', async () => {
        await using pooler = await Pooler.start(engine.server);
        await engine.contendThrough(
          async () => {
            await pooler.crash();
            await sleep(200);
            await pooler.boot();
          },
          { url: pooler.url },
        );
      });
    });

    describe('of its clients', { concurrent: true }, () => {
      const engine = new Engine();

      test.sequential('a client is killed: the others go on', async () => {
        await engine.contendThrough(async (contenders, plan) => {
          contenders.processes.find((client) => client.connected)?.kill('SIGKILL');
          await contenders.grants(3);
          contenders.start(1, plan);
        });
      });

      test.sequential('a client is stopped for longer than the ttl: the others go on, its late write is refused', async () => {
        await engine.contendThrough(
          async (contenders) => {
            const [client] = contenders.processes;
            client?.kill('SIGSTOP');
            await contenders.grants(3);
            await sleep(ttl * 1.5);
            client?.kill('SIGCONT');
          },
          { url: endsIdle(engine.server.url) },
        );
      });

      test.sequential('clients that are blocked past their ttl while they hold: the fence refuses what they write late', async () => {
        const history = await engine.contendThrough((contenders) => contenders.grants(3), {
          stallEvery: 4,
          stall: ttl * 1.3,
        });
        expect(history.filter(({ what, code }) => what === 'not added' && /FENCED|LOST/.test(code ?? ''))).not.toEqual(
          [],
        );
      });

      test.sequential('negative control: without the fence the late write is lost, or loses another one', async () => {
        const plan = await freshPlan(engine.server, { stallEvery: 2, stall: ttl * 1.6, fenced: false });
        await using contenders = new Contenders();
        contenders.start(3, plan);
        await contenders.untilUpdateIsLost(() => counterOf(engine.server, plan.name));
      });

      test.sequential('G1 a client is killed while it holds: the next one is granted the lease within the ttl and 2 s', async () => {
        const plan = { ...(await freshPlan(engine.server)), hold: 60_000, ttl: patient };
        await using contenders = new Contenders();
        contenders.start(1, plan);
        await contenders.grants(1);
        contenders.start(1, plan);
        // What is promised is promised to a waiter, not to a process that is being started.
        const waiters = 'SELECT 1 FROM oslo_leases_claims WHERE name = $1 AND token IS NULL';
        await until(async () => (await engine.server.sql(waiters, [plan.name])).length === 1);
        const killed = Number(process.hrtime.bigint()) / 1e6;
        contenders.processes[0]?.kill('SIGKILL');
        await contenders.grants(1);
        const [, next] = contenders.history().filter(({ what }) => what === 'granted');
        expect((next as Fact).at - killed).toBeLessThan(plan.ttl + 2000);
      });
    });
  },
);
