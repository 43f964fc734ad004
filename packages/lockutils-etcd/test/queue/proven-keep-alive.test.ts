import { expect, test } from 'vitest';
import type { KeepAliveResponse, RangeResponse } from '../../src/gateway/etcd-api.js';
import { type KeepingMember, provenKeepAlive } from '../../src/queue/proven-keep-alive.js';

interface Answer {
  /** Of the keepalive; absent if the leader knows no such lease. */
  readonly ttl?: number;
  /** The raft terms in the headers of the keepalive and of the read. */
  readonly terms: readonly [string | undefined, string | undefined];
  /** Whether the read finds the key. */
  readonly there?: boolean;
}

// Which answers prove what is decided here alone. A cluster gives the rare ones when it likes.
async function keepAlive(...answers: readonly Answer[]): Promise<{ until: number | undefined; asked: string[] }> {
  const asked: string[] = [];
  let now = 1000;
  let current: Answer = { terms: [undefined, undefined] };
  const header = (term: string | undefined) => (term === undefined ? {} : { raft_term: term });
  const member: KeepingMember = {
    endpoint: 'http://here',
    async keepAlive() {
      asked.push(`keep at ${now}`);
      current = answers[Math.min(asked.length / 2, answers.length - 1) | 0] as Answer;
      now += 100;
      const { ttl, terms } = current;
      type Kept = NonNullable<KeepAliveResponse['result']>;
      return { header: header(terms[0]), ...(ttl === undefined ? {} : { TTL: String(ttl) }) } as Kept;
    },
    async call<Response>() {
      asked.push('read');
      now += 100;
      const kvs = current.there === false ? [] : [{ key: 'k' }];
      return { header: header(current.terms[1]), kvs } as Response;
    },
  };
  const request = { signal: new AbortController().signal, timeout: 1000, token: undefined };
  const kept = {
    lease: '7',
    key: 'k',
    exists: ({ kvs }: RangeResponse): boolean => (kvs ?? []).length > 0,
    now: () => now,
  };
  const until = await provenKeepAlive(member, request, kept);
  return { until, asked };
}

const good: Answer = { ttl: 5, terms: ['3', '3'] };

test('a lease that was kept alive and read in one term lasts its ttl, from before the request was sent', async () => {
  expect(await keepAlive(good)).toEqual({ until: 1000 + 5000, asked: ['keep at 1000', 'read'] });
});

test('a lease whose key is gone at the read keeps nothing, whatever the leader said', async () => {
  expect(await keepAlive({ ...good, there: false })).toMatchObject({ until: undefined });
});

test.each<[string, Answer]>([
  ['of a leader that was deposed before the read', { ttl: 5, terms: ['2', '3'] }],
  ['of a later leader than the read’s', { ttl: 5, terms: ['3', '2'] }],
  ['without a term', { ttl: 5, terms: [undefined, undefined] }],
  ['of a new leader that does not know the lease yet', { terms: ['3', '3'] }],
])('an answer %s proves nothing: it is asked for again, and counts from then', async (_, answer) => {
  expect(await keepAlive(answer, good)).toEqual({
    until: 1200 + 5000,
    asked: ['keep at 1000', 'read', 'keep at 1200', 'read'],
  });
  await expect(keepAlive(answer)).rejects.toMatchObject({ code: 'ERR_ETCD_NO_LEADER' });
});
