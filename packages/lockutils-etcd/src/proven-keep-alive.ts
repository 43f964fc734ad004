import { EtcdNoLeaderError } from './etcd-errors.js';
import { base64, type Header, type RangeResponse } from './gateway/etcd-api.js';
import type { Member, RequestSettings } from './gateway/member.js';
import { pause } from './gateway/stop-after.js';

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
 * So a linearizable read follows, at the same member M. If the terms that M tells before the keepalive and after the
 * read are equal, T, then: M had entries of term T before the keepalive, so it sent that to the leader of T, L, or to
 * a later one; the read was confirmed to M by a majority for a leader of at most T. So L answered the keepalive, and
 * a majority still followed L *after* that. A later leader gives every lease its whole ttl from its election on, so
 * the lease lasts at least ttl from `since`, whoever counts. If the terms differ, the answer is not used.
 *
 * @throws EtcdNoLeaderError while the leader is changing.
 */
export async function provenKeepAlive(
  member: Member,
  request: RequestSettings,
  kept: KeptKey,
): Promise<number | undefined> {
  const own = { key: base64(kept.key) };
  if (member.lastHeader === undefined) await member.call('/v3/kv/range', own, request);
  for (let tries = 0; tries < 3; tries++) {
    if (tries > 0) await pause(20, request.signal);
    const before = member.lastHeader;
    const since = kept.now();
    const answer = await member.keepAlive(kept.lease, request);
    const read = await member.call<RangeResponse>('/v3/kv/range', own, request);
    if (!kept.exists(read)) return undefined;
    // The key is there and the lease is not: a new leader that has not caught up yet. Or the terms differ.
    const ttl = Number(answer.TTL ?? 0);
    if (ttl <= 0 || !sameTerm(before, answer.header) || !sameTerm(before, read.header)) continue;
    return since + ttl * 1000;
  }
  throw new EtcdNoLeaderError(member.endpoint, 'the leader is changing', true);
}

function sameTerm(one: Header | undefined, other: Header): boolean {
  return one?.raft_term !== undefined && one.raft_term === other.raft_term && one.member_id === other.member_id;
}
