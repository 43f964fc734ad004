import { isConcurrencyError, loadPackage } from '@oslo-concurrency/core';
import { type OrderedLeaseDriver, orderedLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import type { PgPool } from './database/clients.js';
import { Database } from './database/database.js';
import { Notifications } from './database/notifications.js';
import { Tables } from './database/tables.js';
import { PostgresClosedError } from './postgres-errors.js';
import { type PostgresOptions, type PostgresSettings, postgresSettings } from './postgres-options.js';
import { holderOf } from './queue/owner-text.js';
import { attemptTime, Engine, type PostgresGrant } from './queue/postgres-grant.js';
import { keyOf, PostgresPlace } from './queue/postgres-place.js';

/** A lease driver on a Postgres database. */
export type PostgresLeaseDriver = OrderedLeaseDriver<PostgresGrant>;

/**
 * Leases in two tables of a Postgres database, first come first served, with `permits`. The driver creates the tables if
 * it may; if not, the error of the first `lease` has the SQL. It keeps no session state, so it works through a pooler in
 * transaction mode, where waiters poll.
 *
 * A lease ends by the server's clock. A clock that is set forward by more than the margin of a lease ends it early, and
 * then only {@link withFence} keeps a late holder from writing. After a failover to a standby that lacks the last commits
 * a holder may be unknown there; its next renewal reports the loss, and tokens still grow.
 *
 * Connects when it is first used. One driver serves any number of leases; `close` it at the end.
 *
 * @throws InvalidOptionError for a wrong option. The first `lease` reports what is wrong with the server.
 * @example
 * const driver = postgresLeaseDriver({ pool });
 */
export function postgresLeaseDriver(options: PostgresOptions): PostgresLeaseDriver {
  const settings = postgresSettings(options);
  const tables = new Tables(settings.table);
  const pool = settings.pool ?? ownPool(settings);
  const database = new Database(pool as PgPool, settings.pool === undefined, tables, settings.requestTimeout);
  const engine = new Engine(database);
  const notifications = new Notifications(database, settings.listen);

  const standing = async (name: string, ttl: number, signal: AbortSignal) => {
    const limit = { signal, timeout: attemptTime(engine, ttl, 'change') };
    const { answer } = await database.call<{ readonly taken: boolean; readonly owners: readonly string[] }>(
      engine.statements.holders,
      [keyOf(name)],
      limit,
    );
    return answer ?? { taken: false, owners: [] };
  };
  return orderedLeaseDriver<PostgresGrant>({
    name: 'postgres',
    permits: true,
    lookEvery: settings.pollEvery,
    place: (request) => new PostgresPlace(engine, notifications, request),
    async isTaken({ name, ttl, permits }, signal) {
      // With more than one permit only the join itself knows whether there is room.
      return permits === 1 && (await standing(name, ttl, signal)).taken;
    },
    async holders(name) {
      const { owners } = await standing(name, Number.POSITIVE_INFINITY, new AbortController().signal);
      return owners.map(holderOf);
    },
    isPassing: (error) => isConcurrencyError(error) && (error as { passing?: boolean }).passing === true,
    closed: () => new PostgresClosedError(),
    async close() {
      notifications.close();
      await database.close(engine.woken());
    },
  });
}

/** A pool of the driver's own. `pg` is loaded here, so that a user of a pool of another copy needs only that one. */
function ownPool({ url, tls, requestTimeout }: PostgresSettings): PgPool {
  const { Pool } = loadPackage<{ Pool: new (options: object) => PgPool }>(import.meta.url, 'pg');
  return new Pool({
    connectionString: url,
    ...(tls === undefined ? {} : { ssl: tls }),
    application_name: 'oslo-concurrency',
    max: 5,
    connectionTimeoutMillis: requestTimeout,
    // Held leases and waits keep the process alive; idle connections do not.
    allowExitOnIdle: true,
  });
}
