import { checkOptionNames, InvalidOptionError } from '@oslo-concurrency/core';
import type { PostgresPool } from './database/clients.js';

/** Certificates in PEM form, for `url`. A pool has its own. */
export interface PostgresTls {
  /** The authority that signed the server's certificate; without it the authorities that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** The client certificate, if the server asks for one, with its `key`. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
}

/** Options of `postgresLeaseDriver`: `pool` or `url`, and others. Times are milliseconds. */
export interface PostgresOptions {
  /**
   * Your own `Pool` of `pg`. The driver borrows one connection for each statement, and opens one beside the pool
   * while it listens, or when the pool does not answer. It does not close the pool. Give the pool a
   * `connectionTimeoutMillis`, and a listener for its `error` event.
   * @defaultValue none; `url` is used instead
   */
  readonly pool?: PostgresPool | undefined;
  /**
   * `postgres://user@host:5432/database`. The driver makes a pool of 5 connections, and closes it.
   * @defaultValue none; `pool` is used instead
   */
  readonly url?: string | undefined;
  /**
   * For a server with TLS, with `url`; `{}` trusts the authorities that Node trusts. Or say it in the URL, as `pg`
   * understands it: `?sslmode=verify-full&sslrootcert=FILE`.
   * @defaultValue none: a connection without TLS
   */
  readonly tls?: PostgresTls | undefined;
  /**
   * The table, `name` or `schema.name`. A second one is called the same with `_claims`. All processes that share
   * leases must give the same table of the same database.
   * @defaultValue `oslo_leases`
   */
  readonly table?: string | undefined;
  /**
   * Whether a waiter listens for releases. By default the driver finds out whether it can: it does not listen through
   * a pooler. `true` is for a pooler in session mode, `false` saves the connection; then waiters poll.
   * @defaultValue found out from the connection
   */
  readonly listen?: boolean | undefined;
  /**
   * The time between two looks of a waiter that cannot listen, in milliseconds.
   * @defaultValue `250`
   */
  readonly pollEvery?: number | undefined;
  /**
   * The limit of one request, in milliseconds. Renewals take less if the ttl is short.
   * @defaultValue `2000`
   */
  readonly requestTimeout?: number | undefined;
}

/** {@link PostgresOptions}, checked, with defaults filled in. */
export interface PostgresSettings {
  readonly pool: PostgresPool | undefined;
  readonly url: string | undefined;
  readonly tls: PostgresTls | undefined;
  readonly table: string;
  readonly listen: boolean | undefined;
  readonly pollEvery: number;
  readonly requestTimeout: number;
}

const known = new Set(['pool', 'url', 'tls', 'table', 'listen', 'pollEvery', 'requestTimeout']);
const part = '[A-Za-z_][A-Za-z0-9_$]*';
const tableName = new RegExp(`^(?:${part}\\.)?${part}$`);

/** @throws InvalidOptionError for the first option that is wrong. A password in the URL is not shown. */
export function postgresSettings(options: PostgresOptions): PostgresSettings {
  checkOptionNames(options, known);
  const { pool, url, tls, table = 'oslo_leases', listen, pollEvery = 250, requestTimeout = 2000 } = options;
  const demand = (valid: boolean, option: string, expected: string, received: unknown): void => {
    if (!valid) throw new InvalidOptionError(option, expected, received);
  };
  demand(
    (pool === undefined) !== (url === undefined),
    'pool',
    'given, or url, and not both',
    pool === undefined ? undefined : 'both',
  );
  demand(pool === undefined || isPool(pool), 'pool', 'a Pool of pg', typeof pool);
  demand(url === undefined || isUrl(url), 'url', 'such as postgres://user@host:5432/database', withoutPassword(url));
  demand(tls === undefined || (typeof tls === 'object' && tls !== null), 'tls', 'an object', typeof tls);
  demand(tls === undefined || url !== undefined, 'tls', 'given with url (a pool has its own)', typeof tls);
  // What the URL says of TLS would replace the option, even with a connection without TLS.
  const inUrl = typeof url === 'string' && /[?&]ssl(mode|cert|key|rootcert)?=/.test(url);
  demand(tls === undefined || !inUrl, 'tls', 'given, or sslmode in the url, and not both', 'both');
  const longest = 63 - '_claims'.length;
  const isTable =
    typeof table === 'string' && tableName.test(table) && (table.split('.').at(-1) ?? '').length <= longest;
  demand(isTable, 'table', `name or schema.name, of letters, digits and _, ${longest} at most`, table);
  demand(listen === undefined || typeof listen === 'boolean', 'listen', 'a boolean', listen);
  demand(isTime(pollEvery), 'pollEvery', 'a number of milliseconds from 10 on', pollEvery);
  demand(isTime(requestTimeout), 'requestTimeout', 'a number of milliseconds from 10 on', requestTimeout);
  return { pool, url, tls, table, listen, pollEvery, requestTimeout };
}

function isPool(pool: unknown): boolean {
  return typeof (pool as { connect?: unknown } | null)?.connect === 'function';
}

function isUrl(url: unknown): boolean {
  return typeof url === 'string' && /^postgres(ql)?:\/\//.test(url) && URL.canParse(url);
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 10 && value < 2 ** 31;
}

function withoutPassword(url: unknown): unknown {
  return typeof url === 'string' ? url.replace(/\/\/.*@/, '//***@').replace(/(password=)[^&]*/gi, '$1***') : url;
}
