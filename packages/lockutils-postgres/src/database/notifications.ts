import { nodeCrypto, realTime } from '@oslo-concurrency/core';
import type { OwnClient } from './clients.js';
import type { Database } from './database.js';
import { stopAfter, unlessAborted } from './stop-after.js';

/** How long the connection stays after the last waiter has left, in milliseconds. */
const idleFor = 10_000;

/** What is known of one waiter: whether there is news since its last look, and the function that ends its wait. */
interface Waiter {
  news: boolean;
  wake: (() => void) | undefined;
}

/**
 * Hears the notifications for the waiters of one driver, over one connection of its own with a channel of its own: a
 * release notifies one waiter, so it wakes one process. It connects when a waiter first asks, and hangs up some time
 * after the last has left. It does not keep the process alive.
 *
 * A pooler in transaction mode accepts LISTEN and delivers nothing, or delivers it to another client. So before it listens
 * it compares the server's process with the one that was named when the connection began: a pooler makes up the latter.
 */
export class Notifications {
  readonly #channel = `oslo_${nodeCrypto().randomBytes(8).toString('hex')}`;
  readonly #database: Database;
  readonly #trusted: boolean;
  readonly #waiters = new Map<string, Waiter>();
  /** Why there never will be notifications. */
  #never: Error | undefined;
  #connection: Promise<OwnClient> | undefined;
  #hangUp: NodeJS.Timeout | undefined;

  /** `listen`: `false` never listens, `true` trusts that LISTEN works, `undefined` finds out. */
  constructor(database: Database, listen: boolean | undefined) {
    this.#database = database;
    this.#trusted = listen === true;
    if (listen === false) this.#never = new Error('the option listen is false');
  }

  /** The channel to notify a waiter by; `null` if it cannot be notified. */
  get channel(): string | null {
    return this.#never === undefined ? this.#channel : null;
  }

  join(claim: string): void {
    this.#waiters.set(claim, { news: false, wake: undefined });
    realTime.clearTimeout(this.#hangUp);
    this.#hangUp = undefined;
  }

  leave(claim: string): void {
    this.#waiters.delete(claim);
    if (this.#waiters.size > 0 || this.#connection === undefined || this.#hangUp !== undefined) return;
    this.#hangUp = realTime.setTimeout(() => this.close(), idleFor);
    this.#hangUp.unref();
  }

  /** What happened before this moment is seen by the look that begins now. */
  lookBegins(claim: string): void {
    const waiter = this.#waiters.get(claim);
    if (waiter !== undefined) waiter.news = false;
  }

  /** Resolves at the next news for the waiter; rejects if the driver cannot listen now. */
  async next(claim: string, signal: AbortSignal): Promise<void> {
    const waiter = this.#waiters.get(claim);
    if (this.#never !== undefined) throw this.#never;
    this.#connection ??= this.#connect().catch((error: unknown) => {
      this.#connection = undefined;
      throw error;
    });
    await unlessAborted(this.#connection, signal);
    if (waiter === undefined || waiter.news) return;
    const woken = new Promise<void>((resolve) => {
      waiter.wake = resolve;
    });
    try {
      await unlessAborted(woken, signal);
    } finally {
      waiter.wake = undefined;
    }
  }

  close(): void {
    realTime.clearTimeout(this.#hangUp);
    this.#hangUp = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then((client) => client.end()).catch(() => {});
  }

  async #connect(): Promise<OwnClient> {
    const client = this.#database.client();
    if (client === undefined) throw this.#refuse('the pool is not one of pg, so there is no client to listen with');
    const limit = stopAfter(this.#database.requestTimeout);
    try {
      await unlessAborted(client.connect(), limit.signal);
      client.unref();
      if (!this.#trusted && !(await unlessAborted(isDirect(client), limit.signal)))
        throw this.#refuse('there is a pooler before the server, and LISTEN needs the server itself');
      client.on('notification', ({ payload = '' }) => this.#news(payload));
      client.on('end', () => this.#lost());
      await unlessAborted(client.query(`LISTEN ${this.#channel}`), limit.signal);
    } catch (error) {
      client.end().catch(() => {});
      throw limit.signal.aborted ? new Error(`no answer within ${this.#database.requestTimeout} ms`) : error;
    } finally {
      limit.done();
    }
    // A waiter that joined before the server listened may have missed its turn.
    for (const claim of this.#waiters.keys()) this.#news(claim);
    return client;
  }

  #refuse(why: string): Error {
    this.#never = new Error(why);
    return this.#never;
  }

  #lost(): void {
    this.#connection = undefined;
    for (const claim of this.#waiters.keys()) this.#news(claim);
  }

  #news(claim: string): void {
    const waiter = this.#waiters.get(claim);
    if (waiter === undefined) return;
    waiter.news = true;
    waiter.wake?.();
  }
}

async function isDirect(client: OwnClient): Promise<boolean> {
  const { rows } = await client.query('SELECT pg_backend_pid()::text AS pid');
  return (rows[0] as { readonly pid: string }).pid === String(client.processID);
}
