import {
  type PostgresEndpointError,
  PostgresPoolBusyError,
  PostgresTableMissingError,
  PostgresTimeoutError,
} from '../postgres-errors.js';
import { clientBeside, endpointOf, type OwnClient, type PgPool, type PostgresPoolClient } from './clients.js';
import { requestFailure, sqlStateOf } from './request-failure.js';
import { stopAfter, unlessAborted } from './stop-after.js';
import type { Tables } from './tables.js';

/** How long a request may take. */
export interface RequestSettings {
  readonly signal: AbortSignal;
  /** Milliseconds for each of its two attempts. */
  readonly timeout: number;
}

/** What a request answers. */
export interface Reply<A> {
  /** `undefined` if the statement returned no row. */
  readonly answer: A | undefined;
  /** Why the request was sent twice. The first may have been carried out, without an answer. */
  readonly repeatedFor: PostgresEndpointError | undefined;
}

/** Another transaction was faster: the same statement succeeds when it is sent again. */
const collisions: ReadonlySet<string | undefined> = new Set(['40001', '40P01', '23505']);

/**
 * Sends one statement at a time, each a transaction of its own: that is all that a pooler in transaction mode promises.
 * No statement has a name, none changes the session.
 *
 * A request that a connection of the pool does not answer is sent once more, over a connection of its own: the others of
 * the pool may be as dead, or all in use by callers that wait for a lease. Statements may therefore be carried out twice,
 * and each is written so that this changes nothing.
 */
export class Database {
  readonly tables: Tables;
  readonly requestTimeout: number;
  readonly #pool: PgPool;
  readonly #ownsPool: boolean;
  #endpoint: string | undefined;
  #prepared: Promise<void> | undefined;

  constructor(pool: PgPool, ownsPool: boolean, tables: Tables, requestTimeout: number) {
    this.#pool = pool;
    this.#ownsPool = ownsPool;
    this.tables = tables;
    this.requestTimeout = requestTimeout;
    if (ownsPool) pool.on('error', () => {});
  }

  /** `host:port/database`, or what is known of it. */
  get endpoint(): string {
    this.#endpoint ??= endpointOf(this.#pool);
    return this.#endpoint;
  }

  /** A client beside the pool, which is not connected yet; `undefined` if the pool is of another make than `pg`. */
  client(): OwnClient | undefined {
    return clientBeside(this.#pool);
  }

  /** Carries out a statement whose only row has one text, `answer`, in JSON. Creates the tables first if they are missing. */
  async call<A>(text: string, values: readonly unknown[], settings: RequestSettings): Promise<Reply<A>> {
    await this.#prepare(settings);
    try {
      return await this.#send<A>(text, values, settings);
    } catch (error) {
      // The tables were dropped meanwhile.
      if ((error as { sqlState?: unknown }).sqlState !== '42P01') throw error;
      this.#prepared = undefined;
      await this.#prepare(settings);
      return this.#send<A>(text, values, settings);
    }
  }

  /** Disconnects when `last` has ended; waits 300 ms at most, since the server may be mute. */
  async close(last: Promise<unknown>): Promise<void> {
    const limit = stopAfter(300);
    const end = this.#ownsPool ? last.then(() => this.#pool.end()) : last;
    await unlessAborted(end, limit.signal).catch(() => {});
    if (limit.signal.aborted && this.#ownsPool) this.#pool.end().catch(() => {});
    limit.done();
  }

  /** Once for all callers; again after a failure. A caller that is in a hurry does not wait longer than it may. */
  async #prepare(settings: RequestSettings): Promise<void> {
    const patient = { signal: new AbortController().signal, timeout: settings.timeout };
    this.#prepared ??= this.#seeToTables(patient).catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    await unlessAborted(this.#prepared, settings.signal);
  }

  async #seeToTables(settings: RequestSettings): Promise<void> {
    const { tables } = this;
    for (let tries = 0; ; tries++) {
      const { answer } = await this.#send<object>(tables.look, [], settings);
      if (tables.exist(answer ?? {}, this.endpoint)) break;
      try {
        for (const creation of tables.creations) await this.#send(creation, [], settings);
      } catch (error) {
        const { code, cause } = error as PostgresEndpointError;
        const mayNot = code === 'ERR_POSTGRES_PERMISSION' || sqlStateOf(cause) === '3F000';
        if (mayNot) throw new PostgresTableMissingError(this.endpoint, tables.leases, tables.sql, cause);
        // Another process creates them at this moment, which Postgres reports in several ways.
        if (code !== 'ERR_POSTGRES_REQUEST' || tries === 5) throw error;
      }
    }
    await this.#send(tables.sweep, [], settings);
  }

  async #send<A>(text: string, values: readonly unknown[], settings: RequestSettings): Promise<Reply<A>> {
    let first: PostgresEndpointError | undefined;
    for (let collided = 0; ; ) {
      try {
        const attempt = first === undefined ? this.#byPool.bind(this) : this.#byOwnClient.bind(this);
        const rows = await unlessAborted(attempt(text, values, settings), settings.signal);
        const row = rows[0] as { readonly answer?: unknown } | undefined;
        const answer = typeof row?.answer === 'string' ? (JSON.parse(row.answer) as A) : undefined;
        return { answer, repeatedFor: first };
      } catch (error) {
        settings.signal.throwIfAborted();
        const failure = error as PostgresEndpointError & { readonly sqlState?: string };
        if (collisions.has(failure.sqlState) && collided++ < 5) continue;
        if (first !== undefined) throw first.code === 'ERR_POSTGRES_POOL_BUSY' ? first : failure;
        const unanswered = failure.maybeApplied || failure.code === 'ERR_POSTGRES_TIMEOUT';
        if (!unanswered && failure.code !== 'ERR_POSTGRES_POOL_BUSY') throw failure;
        first = failure;
      }
    }
  }

  async #byPool(text: string, values: readonly unknown[], { signal, timeout }: RequestSettings): Promise<unknown[]> {
    const limit = stopAfter(timeout);
    const ignore = (): void => {};
    let client: PostgresPoolClient | undefined;
    let broken: Error | undefined;
    try {
      client = await unlessAborted(this.#idleClient(), limit.signal, (late) => late.release());
      client.on('error', ignore);
      // The caller left before anything was sent, and may have removed already what this would leave.
      signal.throwIfAborted();
      return (await unlessAborted(client.query(text, [...values]), limit.signal)).rows;
    } catch (error) {
      signal.throwIfAborted();
      const connecting = client === undefined;
      if (!connecting && !isHealthy(error)) broken = error as Error;
      const { options, totalCount = 0, idleCount = 0 } = this.#pool;
      const late = limit.signal.aborted || (connecting && /timeout/i.test((error as Error)?.message));
      if (late && connecting && options?.max !== undefined && totalCount - idleCount >= options.max)
        throw new PostgresPoolBusyError(this.endpoint, timeout, options.max);
      throw this.#failure(error, connecting, timeout, late);
    } finally {
      limit.done();
      client?.removeListener('error', ignore);
      client?.release(broken);
    }
  }

  /** A client of the pool that is in no transaction: in one that its user left open nothing would be committed. */
  async #idleClient(): Promise<PostgresPoolClient> {
    for (;;) {
      const client = await this.#pool.connect();
      const status = client.getTransactionStatus?.();
      if (status !== 'T' && status !== 'E') return client;
      client.release(true);
    }
  }

  async #byOwnClient(text: string, values: readonly unknown[], settings: RequestSettings): Promise<unknown[]> {
    const client = this.client();
    if (client === undefined) return this.#byPool(text, values, settings);
    const limit = stopAfter(settings.timeout);
    let connecting = true;
    try {
      await unlessAborted(client.connect(), limit.signal);
      connecting = false;
      settings.signal.throwIfAborted();
      return (await unlessAborted(client.query(text, [...values]), limit.signal)).rows;
    } catch (error) {
      settings.signal.throwIfAborted();
      throw this.#failure(error, connecting, settings.timeout, limit.signal.aborted);
    } finally {
      limit.done();
      client.end().catch(() => {});
    }
  }

  #failure(error: unknown, connecting: boolean, timeout: number, late: boolean): PostgresEndpointError {
    if (late) return new PostgresTimeoutError(this.endpoint, timeout, !connecting);
    return requestFailure(this.endpoint, error, connecting, timeout, this.tables.grant);
  }
}

/** Whether the connection may be used again: the server refused the statement, and not the connection. */
function isHealthy(error: unknown): boolean {
  return sqlStateOf(error) !== undefined && (error as { severity?: unknown }).severity === 'ERROR';
}
