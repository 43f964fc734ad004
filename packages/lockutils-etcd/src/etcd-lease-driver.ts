import { isConcurrencyError } from '@oslo-concurrency/core';
import { type OrderedLeaseDriver, orderedLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { EtcdClosedError } from './etcd-errors.js';
import { type EtcdOptions, etcdSettings } from './etcd-options.js';
import { keysUnder, type RangeResponse } from './gateway/etcd-api.js';
import { type AttemptSettings, Gateway } from './gateway/gateway.js';
import { type EtcdGrant, engine } from './queue/etcd-grant.js';
import { EtcdPlace } from './queue/etcd-place.js';
import { farewellOf, holderOf, permitsOf } from './queue/owner-value.js';
import { standing } from './queue/queue-view.js';
import { limitFor } from './queue/request-times.js';

/** A lease driver on an etcd cluster. */
export type EtcdLeaseDriver = OrderedLeaseDriver<EtcdGrant>;

/**
 * Leases on etcd 3.4 or later, by the HTTP gateway on its client port and etcd's own lock recipe, so that they queue,
 * first come first served, with those of `etcdctl lock <prefix><name>`. With `permits`, the first n of a queue hold.
 *
 * etcd counts whole seconds: a ttl is rounded up, and is at least one and a half election timeouts of the cluster (2 s
 * by default). Connects when it is first used. One driver serves any number of leases; `close` it at the end.
 *
 * @throws InvalidOptionError for a wrong option. The first `lease` reports what is wrong with the cluster.
 * @example
 * const driver = etcdLeaseDriver({ endpoints: ['http://10.0.0.1:2379', 'http://10.0.0.2:2379'] });
 */
export function etcdLeaseDriver(options: EtcdOptions): EtcdLeaseDriver {
  const { prefix, ...cluster } = etcdSettings(options);
  const gateway = new Gateway(cluster);
  const encoded = (name: string): string => name.replace(/[%/]/g, encodeURIComponent);
  const queueOf = (name: string): string => `${prefix}${encoded(name)}/`;
  // No queue begins with a bare `%`.
  const recordOf = (name: string): string => `${prefix}%record/${encoded(name)}`;
  const keysOf = async (name: string, most: number, settings: AttemptSettings) => {
    const query = { ...keysUnder(queueOf(name)), sort_order: 'ASCEND', sort_target: 'CREATE', limit: String(most) };
    const { kvs = [] } = await gateway.call<RangeResponse>('/v3/kv/range', query, settings);
    return kvs;
  };
  return orderedLeaseDriver<EtcdGrant>({
    name: engine,
    permits: true,
    place: (request, context) =>
      new EtcdPlace(gateway, { queue: queueOf(request.name), record: recordOf(request.name) }, request, context),
    async isTaken(request, signal) {
      const keys = await keysOf(request.name, request.permits * 2 + 20, { ...limitFor(request), signal });
      return standing(keys, request.permits).needed > 0;
    },
    async holders(name) {
      const keys = await keysOf(name, 100, {});
      const there = keys.filter(({ value }) => farewellOf(value) === undefined);
      // The longest beginning of the queue that may hold together.
      const first = there.findIndex((_, n) => standing(there.slice(0, n), permitsOf(there[n]?.value)).needed > 0);
      return there.slice(0, first === -1 ? there.length : first).map(({ value }) => holderOf(value));
    },
    isPassing: (error) =>
      isConcurrencyError(error, 'ERR_ETCD_UNAVAILABLE') || (error as { tryElsewhere?: boolean }).tryElsewhere === true,
    closed: () => new EtcdClosedError(),
    close: () => gateway.close(),
  });
}
