import { ConcurrencyError } from '@oslo-concurrency/core';

/** What all errors about one Postgres server have. */
export abstract class PostgresEndpointError extends ConcurrencyError {
  override readonly name: string = 'PostgresEndpointError';
  /** `host:port/database`, without user and password. */
  readonly endpoint: string;
  /** Whether the same request may well succeed a little later. A waiter sits such errors out while its place lasts. */
  readonly passing: boolean;
  /** Whether the request may have been carried out in spite of the error. */
  readonly maybeApplied: boolean;

  constructor(
    endpoint: string,
    problem: string,
    facts: { readonly passing?: boolean; readonly maybeApplied?: boolean; readonly cause?: unknown } = {},
  ) {
    super(`Postgres at ${endpoint}: ${problem}`, { cause: facts.cause });
    this.endpoint = endpoint;
    this.passing = facts.passing ?? false;
    this.maybeApplied = facts.maybeApplied ?? false;
  }
}

/** No connection, or one that broke: refused, unknown host, reset, a server or pooler that stops or starts. */
export class PostgresUnreachableError extends PostgresEndpointError {
  override readonly name: string = 'PostgresUnreachableError';
  readonly code = 'ERR_POSTGRES_UNREACHABLE';

  constructor(endpoint: string, what: string, maybeApplied: boolean, cause: unknown) {
    super(endpoint, `cannot be reached (${what}); is the server running there, and does it accept connections?`, {
      passing: true,
      maybeApplied,
      cause,
    });
  }
}

/** No answer in time: the server is stopped, overloaded or cut off, or the request waits for a lock on the table. */
export class PostgresTimeoutError extends PostgresEndpointError {
  override readonly name: string = 'PostgresTimeoutError';
  readonly code = 'ERR_POSTGRES_TIMEOUT';
  /** Milliseconds. */
  readonly timeout: number;

  constructor(endpoint: string, timeout: number, maybeApplied: boolean, cause?: unknown) {
    super(endpoint, `no answer within ${Math.round(timeout)} ms; is the server alive, and the table not locked?`, {
      passing: true,
      maybeApplied,
      cause,
    });
    this.timeout = timeout;
  }
}

/** The server does not accept the user or the password. */
export class PostgresAuthError extends PostgresEndpointError {
  override readonly name: string = 'PostgresAuthError';
  readonly code = 'ERR_POSTGRES_AUTH';

  constructor(endpoint: string, message: string, cause: unknown) {
    super(endpoint, `${message}; look at the user, the password and pg_hba.conf`, { cause });
  }
}

/** TLS failed: the server offers none or demands it, or its certificate is not trusted. */
export class PostgresTlsError extends PostgresEndpointError {
  override readonly name: string = 'PostgresTlsError';
  readonly code = 'ERR_POSTGRES_TLS';

  constructor(endpoint: string, message: string, cause: unknown) {
    super(endpoint, `TLS failed (${message}); look at the option tls, at sslmode in the URL and at the server's ssl`, {
      cause,
    });
  }
}

/** The server or the pooler has no connection left for this user or database. */
export class PostgresConnectionsError extends PostgresEndpointError {
  override readonly name: string = 'PostgresConnectionsError';
  readonly code = 'ERR_POSTGRES_CONNECTIONS';

  constructor(endpoint: string, message: string, cause: unknown) {
    super(endpoint, `${message}; use a pool with fewer connections, a pooler, or raise max_connections`, {
      passing: true,
      cause,
    });
  }
}

/** No connection of the pool became free in time, and none could be opened beside it. */
export class PostgresPoolBusyError extends PostgresEndpointError {
  override readonly name: string = 'PostgresPoolBusyError';
  readonly code = 'ERR_POSTGRES_POOL_BUSY';
  /** Milliseconds. */
  readonly timeout: number;

  constructor(endpoint: string, timeout: number, max: number) {
    super(
      endpoint,
      `none of the ${max} connections of the pool became free within ${Math.round(timeout)} ms; ` +
        'release them before waiting for a lease, or give the driver a pool of its own',
      { passing: true },
    );
    this.timeout = timeout;
  }
}

/** The server takes no writes: a standby, or `default_transaction_read_only`. */
export class PostgresReadOnlyError extends PostgresEndpointError {
  override readonly name: string = 'PostgresReadOnlyError';
  readonly code = 'ERR_POSTGRES_READ_ONLY';

  constructor(endpoint: string, message: string, cause: unknown) {
    super(endpoint, `it is read-only (${message}); leases need the primary server`, { passing: true, cause });
  }
}

/** The tables do not exist and this user may not create them. `sql` creates them. */
export class PostgresTableMissingError extends PostgresEndpointError {
  override readonly name: string = 'PostgresTableMissingError';
  readonly code = 'ERR_POSTGRES_TABLE_MISSING';
  /** The SQL that creates the tables, for a user that may. */
  readonly sql: string;

  constructor(endpoint: string, table: string, sql: string, cause: unknown) {
    super(endpoint, `the table ${table} is missing, and this user may not create it; have it created by:\n${sql}`, {
      cause,
    });
    this.sql = sql;
  }
}

/** A table of the name exists, but it is not one of this driver: it has other columns, or lacks a key. */
export class PostgresForeignTableError extends PostgresEndpointError {
  override readonly name: string = 'PostgresForeignTableError';
  readonly code = 'ERR_POSTGRES_FOREIGN_TABLE';
  /** The table or index as the option `table` names it. */
  readonly table: string;
  /** The SQL that creates the tables as they must be. */
  readonly sql: string;

  constructor(endpoint: string, table: string, difference: string, sql: string) {
    super(
      endpoint,
      `the table ${table} is not one of this driver: ${difference}; give the driver another table, or create it by:\n${sql}`,
    );
    this.table = table;
    this.sql = sql;
  }
}

/** The user lacks a permission on the tables. */
export class PostgresPermissionError extends PostgresEndpointError {
  override readonly name: string = 'PostgresPermissionError';
  readonly code = 'ERR_POSTGRES_PERMISSION';
  /** The SQL that grants what is needed, with a place for the user's name. */
  readonly sql: string;

  constructor(endpoint: string, message: string, sql: string, cause: unknown) {
    super(endpoint, `${message}; have it granted by: ${sql}`, { cause });
    this.sql = sql;
  }
}

/** Postgres refuses the request for another reason, such as a full disk or an unknown database. */
export class PostgresRequestError extends PostgresEndpointError {
  override readonly name: string = 'PostgresRequestError';
  readonly code = 'ERR_POSTGRES_REQUEST';
  /** The SQLSTATE, such as `53100`; `undefined` if the answer had none. */
  readonly sqlState: string | undefined;

  constructor(endpoint: string, sqlState: string | undefined, message: string, cause: unknown) {
    super(endpoint, `${message}${sqlState === undefined ? '' : ` (SQLSTATE ${sqlState})`}`, { cause });
    this.sqlState = sqlState;
  }
}

/** The driver was closed. */
export class PostgresClosedError extends ConcurrencyError {
  override readonly name: string = 'PostgresClosedError';
  readonly code = 'ERR_POSTGRES_CLOSED';

  constructor() {
    super('The Postgres lease driver was closed');
  }
}

/** The lease does not exist any more, so the transaction must not be committed. Roll it back. */
export class FencedOutError extends ConcurrencyError {
  override readonly name: string = 'FencedOutError';
  readonly code = 'ERR_FENCED_OUT';
  readonly leaseName: string;
  readonly fencingToken: bigint;

  constructor(leaseName: string, fencingToken: bigint) {
    super(`Roll back: the lease ${leaseName} (token ${fencingToken}) does not exist any more`);
    this.leaseName = leaseName;
    this.fencingToken = fencingToken;
  }
}
