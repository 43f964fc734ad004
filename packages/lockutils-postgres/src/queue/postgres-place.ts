import { nodeCrypto } from '@oslo-concurrency/core';
import type { LeaseRequest } from '@oslo-concurrency/lockutils';
import type { PlaceView, QueuePlace } from '@oslo-concurrency/lockutils/drivers';
import type { Notifications } from '../database/notifications.js';
import { holderOf, ownerText } from './owner-text.js';
import { attemptTime, type Engine, PostgresGrant } from './postgres-grant.js';
import { type Asked, longestPlace } from './statements.js';

/** How long to wait for a fence whose holder's lease has expired, before the next look. Milliseconds. */
const fencedPause = 50;

/** The name as the tables have it: an index takes no entry of more than 2700 bytes. */
export function keyOf(name: string): string {
  if (Buffer.byteLength(name) <= 1000) return name;
  return `${name.slice(0, 200)}#sha256:${nodeCrypto().createHash('sha256').update(name).digest('hex')}`;
}

/**
 * A call's claim to a name: without a row it is nothing, with a row a place in the queue, with a token the lease. The id
 * is chosen here, so that a statement whose answer was lost can be repeated, and what it made can be removed.
 */
export class PostgresPlace implements QueuePlace<PostgresGrant> {
  validUntil: number;
  readonly keepEvery: number;
  readonly changed?: (signal: AbortSignal) => Promise<void>;
  readonly #engine: Engine;
  readonly #notifications: Notifications;
  readonly #request: LeaseRequest;
  readonly #key: string;
  readonly #owner: string;
  readonly #claim = nodeCrypto().randomUUID();

  constructor(engine: Engine, notifications: Notifications, request: LeaseRequest) {
    this.#engine = engine;
    this.#notifications = notifications;
    this.#request = request;
    this.#key = keyOf(request.name);
    this.#owner = ownerText(request.label);
    this.validUntil = request.now() + request.ttl;
    this.keepEvery = Math.min(request.ttl, longestPlace) / 3;
    if (notifications.channel !== null) this.changed = (signal) => notifications.next(this.#claim, signal);
  }

  async join(signal: AbortSignal): Promise<PlaceView<PostgresGrant>> {
    const { database, statements } = this.#engine;
    const { ttl, permits } = this.#request;
    const first = await this.#ask(false, 'change', signal);
    if (first.state === 'granted') return first;
    this.#notifications.join(this.#claim);
    const row = [this.#key, this.#claim, ttl, permits, this.#owner, this.#notifications.channel];
    await database.call(statements.join, row, { signal, timeout: attemptTime(this.#engine, ttl, 'change') });
    return this.#ask(true, 'change', signal);
  }

  look(signal: AbortSignal): Promise<PlaceView<PostgresGrant>> {
    return this.#ask(true, 'keep', signal);
  }

  /** The next waiter may owe its turn to this one, and the news of it was perhaps told to this one. */
  async leave(signal: AbortSignal): Promise<void> {
    const { database, statements } = this.#engine;
    this.#notifications.leave(this.#claim);
    const settings = { signal, timeout: attemptTime(this.#engine, this.#request.ttl, 'change') };
    await database.call(statements.leave, [this.#claim], settings);
    await database.call(statements.wake, [this.#key], settings);
  }

  async #ask(queued: boolean, purpose: 'keep' | 'change', signal: AbortSignal): Promise<PlaceView<PostgresGrant>> {
    const { database, statements } = this.#engine;
    const request = this.#request;
    const { ttl, permits } = request;
    const settings = { signal, timeout: attemptTime(this.#engine, ttl, purpose) };
    const statement = queued ? statements.ask : statements.take;
    const values = [this.#key, this.#claim, ttl, permits, ...(queued ? [] : [this.#owner])];
    let reaped = false;
    for (;;) {
      if (queued) this.#notifications.lookBegins(this.#claim);
      const since = request.now();
      const { answer } = await database.call<Asked>(statement, values, settings);
      if (answer === undefined) throw new Error('the statement must answer one row');
      if (answer.token !== null) {
        this.#notifications.leave(this.#claim);
        const validUntil = since + Math.min(ttl, Number(answer.left));
        const row = { claim: this.#claim, key: this.#key, token: BigInt(answer.token), validUntil };
        const grant = new PostgresGrant(this.#engine, request, row);
        // There may be room for the next one too, which the release before notified only this one of.
        if (queued && permits > 1) this.#engine.wakeNext(this.#key, ttl);
        return { state: 'granted', grant };
      }
      if (queued && !answer.queued) return { state: 'gone' };
      if (queued) this.validUntil = since + 0.9 * ttl;
      if (answer.turn) continue;
      if (answer.expired && !reaped) {
        await database.call(statements.reap, [this.#key], settings);
        reaped = true;
        continue;
      }
      const until = answer.expired ? fencedPause : Number(answer.until ?? 0) + 1;
      const holders = (answer.owners ?? []).map(holderOf);
      return { state: 'waiting', holders, until: request.now() + until };
    }
  }
}
