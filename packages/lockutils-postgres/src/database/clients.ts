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
