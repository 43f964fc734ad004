/** What is used of a client of `pg`: for {@link withFence} a `Client`, or a client of a `Pool`. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

/** A client that a pool has lent. */
export interface PostgresPoolClient extends PostgresClient {
  /** Returns it to the pool; with an error or `true` the pool closes it. */
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  /** `I` outside of a transaction, for clients that know it. */
  getTransactionStatus?(): unknown;
}

/** What is used of a `Pool` of `pg`. */
export interface PostgresPool {
  connect(): Promise<PostgresPoolClient>;
}

/** A client beside the pool, with what `pg` gives it. */
export interface OwnClient extends PostgresClient {
  readonly host: string;
  readonly port: number;
  readonly database: string | undefined;
  /** The process at the server that the server named when the connection began. */
  readonly processID: number | null;
  connect(): Promise<unknown>;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'notification', listener: (message: { channel: string; payload?: string | undefined }) => void): unknown;
  /** Lets the process end although the client is connected. */
  unref(): void;
}

/** What a pool of `pg` has in addition; another pool may lack it. */
export interface PgPool extends PostgresPool {
  readonly Client?: new (options: object) => OwnClient;
  readonly options?: object & { readonly max?: number };
  readonly totalCount?: number;
  readonly idleCount?: number;
  end(): Promise<void>;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** A client as the pool would make it, which is not connected yet; `undefined` if the pool is of another make than `pg`. */
export function clientBeside({ Client, options }: PgPool): OwnClient | undefined {
  if (typeof Client !== 'function' || typeof options !== 'object') return undefined;
  const client = new Client(options);
  // What ends the connection also ends its request, and is reported there.
  client.on('error', () => {});
  return client;
}

/** `host:port/database` of the server of a pool, or what is known of it. */
export function endpointOf(pool: PgPool): string {
  const client = namedClient(pool);
  return client === undefined ? 'the server of the pool' : `${client.host}:${client.port}/${client.database ?? ''}`;
}

/** `pg` reads the files that a URL names when it makes a client. Where it cannot, the rest of the URL says which server. */
function namedClient(pool: PgPool): OwnClient | undefined {
  try {
    return clientBeside(pool);
  } catch (error) {
    const { connectionString } = (pool.options ?? {}) as { readonly connectionString?: unknown };
    if (pool.Client === undefined || typeof connectionString !== 'string') throw error;
    return new pool.Client({ connectionString: connectionString.replace(/\?.*/s, '') });
  }
}
