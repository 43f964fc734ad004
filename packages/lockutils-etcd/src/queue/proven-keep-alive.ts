import { EtcdNoLeaderError } from '../etcd-errors.js';
import { base64, type KeepAliveResponse, type RangeResponse } from '../gateway/etcd-api.js';
import type { RequestSettings } from '../gateway/member.js';
import { pause } from '../gateway/stop-after.js';

/** An endpoint of the cluster, which may be another member at every request. */
export interface KeepingMember {
  readonly endpoint: string;
  keepAlive(id: string, settings: RequestSettings): Promise<NonNullable<KeepAliveResponse['result']>>;
  call<Response>(path: string, body: object, settings: RequestSettings): Promise<Response>;
}

/** The lease to be kept, and the key that hangs on it. */
export interface KeptKey {
  readonly lease: string;
  readonly key: string;
  /** Whether it is there, by what was read; takes note of when it was. */
  exists(read: RangeResponse): boolean;
  /** The clock by which the answer counts. */
  now(): number;
}

/**
 * Has a member keep the lease alive; `undefined` when the key is gone, else until when the lease lasts, whatever becomes
 * of the leader.
 *
 * Why a keepalive alone proves nothing: it is no entry of the log, the leader just answers it, and a leader that was
 * deposed without having noticed answers it too, while the lease runs out at its successor (etcd issue 15247). A
 * paused leader even answers, when it wakes, what was sent long after the election.
 *
 * So a linearizable read follows, at whatever member. If both answers name the same term T, then:
 * - The member that took the keepalive writes the header of its answer *before* it passes the keepalive on ("Create
 *   header before we sent out the renew request", in every etcd since 3.0). It names the term of the last entry that it
 *   has applied. So it knew of the leader of T, and the leader L that answered the keepalive is that of T or a later one.
 * - The member that took the read writes its header after it has applied what the leader had committed when a majority
 *   confirmed it. A leader confirms a read only once an entry of its own term is committed. So that leader is of T at most.
 * - A majority that follows a leader of at most T elects none of an earlier moment and a greater term: L is the leader
 *   of T, and a majority still followed it *after* it answered.
 * A later leader gives every lease its whole ttl from its election on, so the lease lasts at least ttl from `since`,
 * whichever leader counts. If the terms differ, the answer is not used. Nothing of this asks that the two members be one, so the
 * members may stand behind one address.
 *
 * @throws EtcdNoLeaderError while the leader is changing.
 */
export async function provenKeepAlive(
  member: KeepingMember,
  request: RequestSettings,
  kept: KeptKey,
): Promise<number | undefined> {
  const own = { key: base64(kept.key) };
  for (let tries = 0; tries < 3; tries++) {
    if (tries > 0) await pause(20, request.signal);
    const since = kept.now();
    const answer = await member.keepAlive(kept.lease, request);
    const read = await member.call<RangeResponse>('/v3/kv/range', own, request);
    if (!kept.exists(read)) return undefined;
    // The key is there and the lease is not: a new leader that has not caught up yet. Or the terms differ.
    const ttl = Number(answer.TTL ?? 0);
    const term = answer.header.raft_term;
    if (ttl <= 0 || term === undefined || term !== read.header.raft_term) continue;
    return since + ttl * 1000;
  }
  throw new EtcdNoLeaderError(member.endpoint, 'the leader is changing', true);
}
