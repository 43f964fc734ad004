import type { LeaseRecord } from '@oslo-concurrency/lockutils';
import { base64, type RangeResponse, type TxnResponse } from '../gateway/etcd-api.js';
import type { Gateway } from '../gateway/gateway.js';
import { grantLease, newLeaseId, revokeLease } from './etcd-lease.js';

/**
 * The text that etcd keeps under `key` with a name, for a holder whose lease is the key `fence`. It hangs on an etcd lease
 * of its own, whose end forgets it.
 *
 * The write is one transaction with the check of the fence, as in `withFence`. A crash before it leaves an etcd lease
 * without a key, which expires.
 */
export function etcdRecord(
  gateway: Gateway,
  key: string,
  fence: { readonly key: string; readonly token: bigint },
): LeaseRecord {
  return {
    async read(signal) {
      const { kvs = [] } = await gateway.call<RangeResponse>('/v3/kv/range', { key: base64(key) }, { signal });
      const [found] = kvs;
      return found === undefined ? undefined : Buffer.from(found.value ?? '', 'base64').toString();
    },
    async write(text, keep, signal) {
      const lease = newLeaseId().toString();
      await grantLease(gateway, lease, Math.ceil(keep / 1000), { signal });
      const held = { key: base64(fence.key), target: 'MOD', result: 'EQUAL', mod_revision: fence.token.toString() };
      const put = { request_put: { key: base64(key), value: base64(text), lease } };
      const before = { request_range: { key: base64(key) } };
      const body = { compare: [held], success: [before, put] };
      const answer = await gateway.call<TxnResponse>('/v3/kv/txn', body, { signal });
      const written = answer.succeeded === true;
      // The text now hangs on the new lease, so the earlier one has no key left; a refused write leaves the new one empty.
      const unused = written ? answer.responses?.[0]?.response_range?.kvs?.[0]?.lease : lease;
      if (unused !== undefined && unused !== '0') await revokeLease(gateway, unused, { signal }).catch(() => {});
      return written;
    },
  };
}
