import { realTime } from '@oslo-concurrency/core';
import { type LeaseRequest, LeaseTtlTooShortError } from '@oslo-concurrency/lockutils';
import { EtcdNoLeaderError } from '../etcd-errors.js';
import { base64, type KeyValue, keysUnder, type RangeResponse, type TxnResponse } from '../gateway/etcd-api.js';
import type { AttemptSettings, Gateway } from '../gateway/gateway.js';
import { grantLease, isLeaseNotFound, revokeLease } from './etcd-lease.js';
import { type Farewell, farewellOf, ownerValue, withFarewell } from './owner-value.js';
import { provenKeepAlive } from './proven-keep-alive.js';
import { ahead, standing, type View } from './queue-view.js';
import { limitFor } from './request-times.js';

/**
 * A place in the queue for one name: a key `<prefix><lease id in hex>` that lives as long as its etcd lease. This is
 * etcd's own lock recipe, so `etcdctl lock` stands in the same queue. The key with the lowest create revision holds.
 *
 * What this process holds, step by step: without the key no process waits for it, and it holds nothing. With the key, all
 * later comers wait until it is gone: by release, or because the lease was not kept alive. No lower revision can appear any
 * more, so being first is final as long as the key exists. A crash at any step leaves at most a lease that expires.
 */
export class QueueKey {
  readonly key: string;
  /** The create revision of the key: the place in the queue, and the fencing token. */
  readonly revision: bigint;
  /** Until when, by the clock of the request, the lease cannot expire at the server. */
  validUntil: number;
  /** A revision at which the key was seen to exist. */
  existedAt: bigint;

  readonly #gateway: Gateway;
  readonly #request: LeaseRequest;
  readonly #prefix: string;
  readonly #lease: string;
  readonly #value: string;

  private constructor(
    gateway: Gateway,
    request: LeaseRequest,
    place: { prefix: string; lease: string; value: string; key: string; revision: bigint; validUntil: number },
  ) {
    this.#gateway = gateway;
    this.#request = request;
    this.#prefix = place.prefix;
    this.#lease = place.lease;
    this.#value = place.value;
    this.key = place.key;
    this.revision = place.revision;
    this.validUntil = place.validUntil;
    this.existedAt = place.revision;
  }

  /**
   * Joins the queue. Resolves to the place, and to what stood before it at that moment.
   *
   * The caller chooses the id of the lease, so that it can repeat a request whose answer was lost, and remove its lease.
   * A lease that is granted after `limit` helps nobody. It begins when the leader applies the grant, so after `since`.
   */
  static async join(
    gateway: Gateway,
    prefix: string,
    request: LeaseRequest,
    id: bigint,
    limit: AttemptSettings,
  ): Promise<{ readonly place: QueueKey; readonly view: View }> {
    const lease = id.toString();
    const key = prefix + id.toString(16);
    const value = ownerValue(request.label, request.permits);
    const since = request.now();
    try {
      const ttl = await grantLease(gateway, lease, Math.ceil(request.ttl / 1000), limit);
      const encoded = base64(key);
      const queue = {
        request_range: { ...keysUnder(prefix), sort_order: 'DESCEND', sort_target: 'CREATE', limit: '2' },
      };
      const oldestOnly = {
        request_range: { ...keysUnder(prefix), sort_order: 'ASCEND', sort_target: 'CREATE', limit: '1' },
      };
      const joining = {
        compare: [{ key: encoded, target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
        success: [{ request_put: { key: encoded, value: base64(value), lease } }, queue, oldestOnly],
        // A repetition of a request that had been carried out.
        failure: [{ request_range: { key: encoded } }],
      };
      const answer = await gateway.call<TxnResponse>('/v3/kv/txn', joining, limit);
      const [, newest, oldest] = answer.responses ?? [];
      const [own, next] = newest?.response_range?.kvs ?? [];
      const repeated = answer.responses?.[0]?.response_range?.kvs?.[0];
      const mine = answer.succeeded ? own : repeated;
      if (mine?.key !== encoded)
        throw new EtcdNoLeaderError(gateway.current.endpoint, 'the new key is not there', true);
      const place = new QueueKey(gateway, request, {
        prefix,
        lease,
        value,
        key,
        revision: BigInt(mine.create_revision),
        validUntil: since + ttl * 1000,
      });
      if (!answer.succeeded) return { place, view: await place.look(limit) };
      const first = oldest?.response_range?.kvs?.[0];
      const view = { mine: true, ...ahead(next, first), first, revision: answer.header.revision ?? '0' };
      return { place, view };
    } catch (error) {
      // It expired between two requests.
      throw isLeaseNotFound(error) ? new LeaseTtlTooShortError(request.name, request.ttl) : error;
    }
  }

  /** The place in the queue as it is now, in one linearizable read. */
  async look(settings: AttemptSettings): Promise<View> {
    const before = { ...keysUnder(this.#prefix), max_create_revision: (this.revision - 1n).toString(), limit: '1' };
    const answer = await this.#gateway.call<TxnResponse>(
      '/v3/kv/txn',
      {
        success: [
          { request_range: { key: base64(this.key) } },
          { request_range: { ...before, sort_order: 'DESCEND', sort_target: 'CREATE' } },
          { request_range: { ...before, sort_order: 'ASCEND', sort_target: 'CREATE' } },
        ],
      },
      settings,
    );
    const [own, next, first] = (answer.responses ?? []).map(({ response_range }) => response_range?.kvs?.[0]);
    return {
      mine: this.#isMine(own),
      ...ahead(next, first),
      first,
      revision: answer.header.revision ?? '0',
    };
  }

  /** The place among others that admit several holders, as {@link standing} judges it. */
  async lookAtAll(settings: AttemptSettings): Promise<View> {
    const own = { request_range: { key: base64(this.key) } };
    const limit = this.#request.permits * 2 + 20;
    const before = {
      ...keysUnder(this.#prefix),
      max_create_revision: (this.revision - 1n).toString(),
      limit: String(limit),
    };
    const others = { request_range: { ...before, sort_order: 'ASCEND', sort_target: 'CREATE' } };
    const answer = await this.#gateway.call<TxnResponse>('/v3/kv/txn', { success: [own, others] }, settings);
    const [mine, first = []] = (answer.responses ?? []).map(({ response_range }) => response_range?.kvs ?? []);
    const { needed, last } = standing(first, this.#request.permits);
    // More than were read stand before it, and those that were read are all on their way out.
    const more = needed === 0 && first.length === limit;
    return {
      mine: this.#isMine(mine?.[0]),
      ahead: more ? first.at(-1) : last,
      first: first[0],
      revision: answer.header.revision ?? '0',
      needed: more ? 1 : needed,
    };
  }

  /** Whether all that stood before have been given up, by their holder or as waiters: then nobody is before this place. */
  async isFirst(settings: AttemptSettings): Promise<boolean> {
    const query = { ...keysUnder(this.#prefix), max_create_revision: (this.revision - 1n).toString() };
    const { kvs = [] } = await this.#gateway.call<RangeResponse>('/v3/kv/range', query, settings);
    return kvs.every(({ value }) => farewellOf(value) !== undefined);
  }

  /** Asks for the whole ttl again; `false` when the key is gone. See `provenKeepAlive` for what that proves. */
  renew(settings: AttemptSettings): Promise<boolean> {
    return this.#gateway.turnstile.pass('keep', () => this.#renew(settings), {
      signal: settings.signal,
      patience: settings.timeout,
    });
  }

  async #renew(settings: AttemptSettings): Promise<boolean> {
    return this.#gateway.attempt(async (member, request) => {
      const validUntil = await provenKeepAlive(member, request, {
        lease: this.#lease,
        key: this.key,
        exists: (read) => this.#existsBy(read),
        now: () => this.#request.now(),
      });
      if (validUntil === undefined) return false;
      this.validUntil = Math.max(this.validUntil, validUntil);
      return true;
    }, settings);
  }

  /**
   * Gives the place up as its holder: first marks the key, in one step with the check that it is there and unmarked,
   * then revokes the lease, which deletes it. `false` when it was gone. Rejects when the lease cannot be revoked.
   *
   * The mark shows the next in the queue that nobody works under this key or one before it any more, and it ends the
   * fence. A waiter that leaves writes another mark, since there is a holder before it.
   */
  release(signal: AbortSignal): Promise<boolean> {
    return this.#giveUp('released', signal);
  }

  /** Gives the place up as a waiter; `false` when it was gone. */
  leave(signal: AbortSignal): Promise<boolean> {
    return this.#giveUp('left', signal);
  }

  async #giveUp(farewell: Farewell, signal: AbortSignal): Promise<boolean> {
    const key = base64(this.key);
    const value = base64(withFarewell(this.#value, farewell));
    const marking = {
      compare: [{ key, target: 'CREATE', result: 'EQUAL', create_revision: this.revision.toString() }],
      success: [{ request_put: { key, value, ignore_lease: true } }],
    };
    const now = realTime.now();
    const { until } = limitFor(this.#request);
    // Half of the time is for the mark, which is a courtesy; the other for what makes the place free.
    const marked = await this.#gateway
      .call<TxnResponse>('/v3/kv/txn', marking, { until: now + (until - now) / 2, signal })
      .catch(() => undefined);
    // No successor's key can hang on this lease, so this hurts nobody; and if the lease was there, so was the key.
    const existed = await revokeLease(this.#gateway, this.#lease, { until, signal });
    return marked?.succeeded ?? existed;
  }

  #existsBy({ kvs, header }: RangeResponse): boolean {
    const there = this.#isMine(kvs?.[0]);
    if (there) this.existedAt = BigInt(header.revision ?? this.existedAt);
    return there;
  }

  #isMine(own: KeyValue | undefined): boolean {
    return own !== undefined && BigInt(own.create_revision) === this.revision;
  }
}
