import { randomBytes } from 'node:crypto';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { type LeaseRequest, LeaseTtlTooShortError } from '@oslo-concurrency/lockutils';
import { EtcdNoLeaderError } from './etcd-errors.js';
import {
  base64,
  type Header,
  type KeyValue,
  keysUnder,
  type LeaseGrantResponse,
  type RangeResponse,
  type TxnResponse,
} from './gateway/etcd-api.js';
import type { AttemptSettings, Gateway } from './gateway/gateway.js';
import { pause } from './gateway/stop-after.js';
import { type Farewell, farewellOf, ownerValue, withFarewell } from './owner-value.js';

/** What stands in the queue before a key. */
export interface View {
  /** Whether the key itself is still there. */
  readonly mine: boolean;
  /** The next one before it, unless that was given up. */
  readonly ahead: KeyValue | undefined;
  /** The first of all: the holder. */
  readonly first: KeyValue | undefined;
  /** The revision at which this was so. */
  readonly revision: string;
}

/**
 * A place in the queue for one name: a key `<prefix><lease id in hex>` that lives as long as its etcd lease. This is
 * etcd's own lock recipe, so `etcdctl lock` stands in the same queue. Whose key has the lowest create revision holds.
 *
 * Who can hold what, step by step: without the key nobody waits for us, and we hold nothing. With the key, all who come
 * later wait, until it is gone: by release, or because the lease was not kept alive. No lower revision can appear any
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
   * Joins the queue; answers the place, and what stood before it when it was taken.
   *
   * The id of the lease is chosen here, so that a request whose answer was lost can be repeated, and what it made can
   * be taken back. The lease begins at the leader when it applies the grant, so after `since`.
   */
  static async join(
    gateway: Gateway,
    prefix: string,
    request: LeaseRequest,
    leave: (lease: string) => void,
  ): Promise<{ readonly place: QueueKey; readonly view: View }> {
    // 62 random bits: positive in a signed number of 64 bits, and never 0, which would mean "choose one".
    const id = (BigInt(`0x${randomBytes(8).toString('hex')}`) >> 2n) + 1n;
    const lease = id.toString();
    const key = prefix + id.toString(16);
    const value = ownerValue(request.label);
    const since = request.now();
    try {
      const ttl = await grantLease(gateway, lease, Math.ceil(request.ttl / 1000));
      const encoded = base64(key);
      const queue = {
        request_range: { ...keysUnder(prefix), sort_order: 'DESCEND', sort_target: 'CREATE', limit: '2' },
      };
      const first = {
        request_range: { ...keysUnder(prefix), sort_order: 'ASCEND', sort_target: 'CREATE', limit: '1' },
      };
      const answer = await gateway.call<TxnResponse>('/v3/kv/txn', {
        compare: [{ key: encoded, target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
        success: [{ request_put: { key: encoded, value: base64(value), lease } }, queue, first],
        // A repetition of a request that had been carried out.
        failure: [{ request_range: { key: encoded } }],
      });
      const [, newest, oldest] = answer.responses ?? [];
      const [own, ahead] = newest?.response_range?.kvs ?? [];
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
      if (!answer.succeeded) return { place, view: await place.look({}) };
      const view = { mine: true, ahead: notReleased(ahead), first: oldest?.response_range?.kvs?.[0] };
      return { place, view: { ...view, revision: answer.header.revision ?? '0' } };
    } catch (error) {
      leave(lease);
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
    const [own, ahead, first] = (answer.responses ?? []).map(({ response_range }) => response_range?.kvs?.[0]);
    return {
      mine: this.#isMine(own),
      ahead: notReleased(ahead),
      first,
      revision: answer.header.revision ?? '0',
    };
  }

  /**
   * Asks for the whole ttl again; `false` when the key is gone.
   *
   * Why a keepalive alone proves nothing: it is no entry of the log, the leader just answers it, and a leader that was
   * deposed without having noticed answers it too, while the lease runs out at its successor (etcd issue 15247). A
   * paused leader even answers, when it wakes, what was sent long after the election.
   *
   * So a linearizable read follows, at the same member M. If the terms that M tells before the keepalive and after the
   * read are equal, T, then: M had entries of term T before the keepalive, so it sent that to the leader of T, L, or to
   * a later one; the read was confirmed to M by a majority for a leader of at most T. So L answered the keepalive, and
   * a majority still followed L *after* that. A later leader gives every lease its whole ttl from its election on, so
   * the lease lasts at least ttl from `since`, whoever counts. If the terms differ, the answer is not used.
   */
  async renew(settings: AttemptSettings): Promise<boolean> {
    return this.#gateway.attempt(async (member, request) => {
      const own = { key: base64(this.key) };
      if (member.lastHeader === undefined) await member.call('/v3/kv/range', own, request);
      for (let tries = 0; tries < 3; tries++) {
        if (tries > 0) await pause(20, request.signal);
        const before = member.lastHeader;
        const since = this.#request.now();
        const answer = await member.keepAlive(this.#lease, request);
        const read = await member.call<RangeResponse>('/v3/kv/range', own, request);
        if (!this.#isMine(read.kvs?.[0])) return false;
        this.existedAt = BigInt(read.header.revision ?? this.existedAt);
        // The key is there and the lease is not: a new leader that has not caught up yet. Or the terms differ.
        const ttl = Number(answer.TTL ?? 0);
        if (ttl <= 0 || !sameTerm(before, answer.header) || !sameTerm(before, read.header)) continue;
        this.validUntil = Math.max(this.validUntil, since + ttl * 1000);
        return true;
      }
      throw new EtcdNoLeaderError(member.endpoint, 'the leader is changing', true);
    }, settings);
  }

  /**
   * Gives the place up as its holder: first marks the key, in one step with the check that it is there and unmarked,
   * then revokes the lease, which deletes it. `false` when it was gone. Rejects when the lease cannot be revoked.
   *
   * The mark tells the next in the queue that nobody works under the key any more, nor under one before it, and ends
   * the fence. A waiter that leaves says something else, since there is a holder before it.
   */
  release(): Promise<boolean> {
    return this.#giveUp('released');
  }

  /** Gives the place up as a waiter; `false` when it was gone. */
  leave(): Promise<boolean> {
    return this.#giveUp('left');
  }

  async #giveUp(farewell: Farewell): Promise<boolean> {
    const key = base64(this.key);
    const value = base64(withFarewell(this.#value, farewell));
    const marked = await this.#gateway
      .call<TxnResponse>('/v3/kv/txn', {
        compare: [{ key, target: 'CREATE', result: 'EQUAL', create_revision: this.revision.toString() }],
        success: [{ request_put: { key, value, ignore_lease: true } }],
      })
      .catch(() => undefined);
    // No successor's key can hang on this lease, so this hurts nobody; and if the lease was there, so was the key.
    const existed = await revokeLease(this.#gateway, this.#lease);
    return marked?.succeeded ?? existed;
  }

  #isMine(own: KeyValue | undefined): boolean {
    return own !== undefined && BigInt(own.create_revision) === this.revision;
  }
}

/** Revokes a lease, with the keys that hang on it; `false` when it did not exist. */
export async function revokeLease(gateway: Gateway, lease: string): Promise<boolean> {
  try {
    await gateway.call('/v3/lease/revoke', { ID: lease });
    return true;
  } catch (error) {
    if (!isLeaseNotFound(error)) throw error;
    return false;
  }
}

/** Answers the ttl in seconds that etcd gave; it never gives less than one and a half election timeouts. */
async function grantLease(gateway: Gateway, lease: string, seconds: number): Promise<number> {
  try {
    const { TTL } = await gateway.call<LeaseGrantResponse>('/v3/lease/grant', { ID: lease, TTL: seconds.toString() });
    return Number(TTL);
  } catch (error) {
    const repeated = isConcurrencyError(error, 'ERR_ETCD_REQUEST') && /lease already exists/.test(error.message);
    if (!repeated) throw error;
    return seconds;
  }
}

function isLeaseNotFound(error: unknown): boolean {
  return isConcurrencyError(error, 'ERR_ETCD_REQUEST') && /lease not found/.test(error.message);
}

function notReleased(ahead: KeyValue | undefined): KeyValue | undefined {
  return farewellOf(ahead?.value) === 'released' ? undefined : ahead;
}

function sameTerm(one: Header | undefined, other: Header): boolean {
  return one?.raft_term !== undefined && one.raft_term === other.raft_term && one.member_id === other.member_id;
}
