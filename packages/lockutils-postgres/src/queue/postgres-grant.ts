import type { LeaseRecord, LeaseRequest } from '@oslo-concurrency/lockutils';
import { EngineGrant } from '@oslo-concurrency/lockutils/drivers';
import type { Database, RequestSettings } from '../database/database.js';
import { Statements } from './statements.js';

/** What places and grants of one driver share. */
export class Engine {
  readonly database: Database;
  readonly statements: Statements;
  readonly #waking = new Set<Promise<unknown>>();

  constructor(database: Database) {
    this.database = database;
    this.statements = new Statements(database.tables);
  }

  /** Notifies the first waiter, in the background. If that fails, the waiter looks by itself in some seconds. */
  wakeNext(key: string, ttl: number): void {
    const settings = { signal: new AbortController().signal, timeout: Math.min(1000, attemptTime(this, ttl, 'keep')) };
    const waking: Promise<unknown> = this.database
      .call(this.statements.wake, [key], settings)
      .catch(() => {})
      .finally(() => this.#waking.delete(waking));
    this.#waking.add(waking);
  }

  /** Resolves when all that `wakeNext` began has ended. */
  async woken(): Promise<void> {
    await Promise.all(this.#waking);
  }
}

/** What `remove` answers. */
interface Removed {
  readonly live: boolean | null;
  readonly locked: boolean;
  readonly waiters: number;
}

/** How long one attempt of a request may take, so that both end before the lease or the call does. Milliseconds. */
export function attemptTime({ database }: Engine, ttl: number, purpose: 'keep' | 'change'): number {
  const longest = purpose === 'keep' ? Math.max(200, ttl / 6) : 0.45 * (ttl + 1000);
  return Math.min(database.requestTimeout, longest);
}

/** A lease that is held in Postgres: a row with a token. */
export class PostgresGrant extends EngineGrant {
  readonly token: bigint;
  readonly validUntil: number;
  /** The name as the tables have it. */
  readonly key: string;
  /** The quoted name of the table with the row; for `withFence`. */
  readonly table: string;
  /** Only for exclusive leases. */
  declare readonly record?: LeaseRecord;

  readonly #engine: Engine;
  readonly #claim: string;
  readonly #request: LeaseRequest;

  constructor(
    engine: Engine,
    request: LeaseRequest,
    row: { readonly claim: string; readonly key: string; readonly token: bigint; readonly validUntil: number },
  ) {
    super('postgres');
    this.#engine = engine;
    this.#claim = row.claim;
    this.#request = request;
    this.key = row.key;
    this.table = engine.database.tables.claims;
    this.token = row.token;
    this.validUntil = row.validUntil;
    if (request.permits === 1) this.record = this.#note();
  }

  async renew(signal: AbortSignal): Promise<number | undefined> {
    const { database, statements } = this.#engine;
    const { ttl } = this.#request;
    const since = this.#request.now();
    const { answer } = await database.call<boolean>(
      statements.renew,
      [this.#claim, String(this.token), ttl],
      this.#settings(signal, 'keep'),
    );
    return answer === undefined ? undefined : since + ttl;
  }

  /**
   * Removes the row and notifies the first waiter in one transaction. That finds no waiter that joins during it; but such
   * a waiter looks after it has joined. Either its look sees the row gone, or a second statement, whose snapshot is taken
   * after the removal, sees the waiter. No caller waits for that statement; `close` does.
   *
   * A release inside of a fenced transaction that is still open ends the lease; the row goes after that.
   */
  protected async giveUp(signal: AbortSignal): Promise<boolean> {
    const { database, statements } = this.#engine;
    const settings = this.#settings(signal, 'change');
    const { answer, repeatedFor } = await database.call<Removed>(statements.remove, [this.key, this.#claim], settings);
    let wasThere = answer?.live === true;
    if (answer?.locked === true) {
      const expired = await database.call<boolean>(statements.expire, [this.#claim], settings);
      wasThere = expired.answer !== undefined;
    }
    if (answer?.locked === true || answer?.waiters === 0) this.#engine.wakeNext(this.key, this.#request.ttl);
    // The first attempt may have removed it without an answer.
    if (!wasThere && repeatedFor !== undefined) throw repeatedFor;
    return wasThere;
  }

  #note(): LeaseRecord {
    const { database, statements } = this.#engine;
    return {
      read: async (signal) => {
        const settings = this.#settings(signal, 'change');
        return (await database.call<string>(statements.readNote, [this.key], settings)).answer;
      },
      write: async (text, keep, signal) => {
        const values = [this.key, this.#claim, String(this.token), text, keep];
        const settings = this.#settings(signal, 'change');
        return (await database.call<boolean>(statements.writeNote, values, settings)).answer !== undefined;
      },
    };
  }

  #settings(signal: AbortSignal, purpose: 'keep' | 'change'): RequestSettings {
    return { signal, timeout: attemptTime(this.#engine, this.#request.ttl, purpose) };
  }
}
