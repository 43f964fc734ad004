import { getLogger } from '@oslo-concurrency/core';
import { type OrderedLeaseDriver, orderedLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { Lane } from './client/lane.js';
import { atMost } from './client/pause.js';
import { LeaseSteps, type PlaceKey } from './queue/lease-steps.js';
import { engine, RedisGrant } from './queue/redis-grant.js';
import { RedisPlace } from './queue/redis-place.js';
import { WakeCalls } from './queue/wake-calls.js';
import { RedisClosedError, RedisEndpointError } from './redis-errors.js';
import { type RedisOptions, redisSettings } from './redis-options.js';

/** A lease driver on Redis or Valkey. */
export type RedisLeaseDriver = OrderedLeaseDriver<RedisGrant>;

/** Milliseconds for which `close` waits for late answers, beside all that it waits for anyway. */
const lastMoment = 250;

/**
 * Leases on one Redis 5 or later, or Valkey: a server of its own, one behind Sentinel, or a Redis Cluster. First come first
 * served, as long as the server keeps its data. With `permits`, the first n of a queue hold.
 *
 * It is for work that may be done twice. A failover to a replica that had not received the grant, a restart without the
 * last writes, an eviction, and a server clock that is set forward each let a second holder in while the first one still
 * believes that it holds. Tokens still grow. For work that must not be done twice use etcd, or Postgres with its fence.
 *
 * Connects when it is first used. One driver serves any number of leases; `close` it at the end.
 *
 * @throws InvalidOptionError for a wrong option. The first `lease` reports what is wrong with the server.
 * @example
 * const driver = redisLeaseDriver({ url: 'redis://10.0.0.1:6379' });
 */
export function redisLeaseDriver(options: RedisOptions): RedisLeaseDriver {
  const { source, prefix, requestTimeout, pollEvery } = redisSettings(options);
  const lane = new Lane(source, requestTimeout);
  const steps = new LeaseSteps(lane, prefix, requestTimeout);
  const calls = new WakeCalls(source, steps.channel, requestTimeout);
  const removals = new Set<Promise<unknown>>();

  /**
   * Removes what a step made that was answered too late, or whose answer may still come. It is done in addition to what the
   * caller of the step does: the step may have been carried out after that.
   */
  const remove = (place: PlaceKey): void => {
    const removal: Promise<unknown> = steps
      .leave(place, place.request.ttl)
      .catch((error: unknown) => getLogger().debug(`A place in redis could not be removed: ${String(error)}`))
      .finally(() => removals.delete(removal));
    removals.add(removal);
  };
  const room = { steps, calls, pollEvery, onLate: remove };

  return orderedLeaseDriver<RedisGrant>({
    name: engine,
    permits: true,
    place: (request) => new RedisPlace(room, steps.place(request)),
    async tryAcquire(request, signal) {
      const place = steps.place(request);
      try {
        // An abort is the driver's: it releases a grant that comes after it. So the step goes on.
        const look = await steps.look(place, false, undefined, () => remove(place));
        return look.token === undefined ? undefined : new RedisGrant(steps, place, look);
      } catch (error) {
        if (!signal.aborted && error instanceof RedisEndpointError && error.maybeApplied) remove(place);
        throw error;
      }
    },
    holders: (name) => steps.holders(name),
    isPassing: (error) => error instanceof RedisEndpointError && error.passing,
    closed: () => new RedisClosedError(),
    async close() {
      await atMost(lastMoment, Promise.all(removals));
      calls.close();
      lane.close();
    },
  });
}
