import { getLogger } from '@oslo-concurrency/core';
import type { Holder, LeaseDriver, LeaseRequest } from '@oslo-concurrency/lockutils';
import { awaitTurn, type Granted, type WaitingRoom } from './await-turn.js';
import { Lane } from './client/lane.js';
import { atMost } from './client/pause.js';
import { LeaseSteps, type Place } from './lease-steps.js';
import { RedisClosedError } from './redis-errors.js';
import { RedisGrant } from './redis-grant.js';
import { type RedisOptions, redisSettings } from './redis-options.js';
import { WakeCalls } from './wake-calls.js';

/** A lease driver on Redis or Valkey. */
export interface RedisLeaseDriver extends LeaseDriver, AsyncDisposable {
  acquire(request: LeaseRequest, signal: AbortSignal): Promise<RedisGrant>;
  tryAcquire(request: LeaseRequest, signal: AbortSignal): Promise<RedisGrant | undefined>;
  holders(name: string): Promise<readonly Holder[]>;
  /**
   * Ends waits with a RedisClosedError, aborts and releases the leases that are held through this driver, and ends its
   * connections; a client that was given stays as it is. Resolves when nothing of it is left in Redis. If Redis cannot be
   * reached, it resolves within ttl + 2 s, and warns in the log of what is left there.
   */
  close(): Promise<void>;
}

/**
 * Leases on one Redis 5 or later, or Valkey: a server of its own, one behind Sentinel, or a Redis Cluster. First come first
 * served, as long as the server keeps its data.
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
  const grants = new Set<RedisGrant>();
  /** What goes on behind a call that has settled: places that are being left. */
  const cleaning = new Map<Promise<unknown>, LeaseRequest>();
  /** What is under way; a set and not one signal, which warns of a leak when more than ten listen to it. */
  const underWay = new Map<AbortController, Promise<unknown>>();
  let closed: RedisClosedError | undefined;

  const inBackground = (request: LeaseRequest, work: Promise<unknown>): void => {
    const watched: Promise<unknown> = work
      .catch((error: unknown) =>
        getLogger().warn(
          `A place in redis in the queue for ${request.name} could not be left, it ends by its ttl of ${request.ttl} ms: ` +
            String(error),
        ),
      )
      .finally(() => cleaning.delete(watched));
    cleaning.set(watched, request);
  };

  /**
   * A step that was sent cannot be called back. Whatever it made is removed twice: at once, by a step that follows it on
   * the same connection, and again if it is answered after all, as it may have overtaken the first removal.
   */
  const leave = (place: Place): void => inBackground(place.request, steps.leave(place, place.request.ttl));
  const room: WaitingRoom = { steps, calls, pollEvery, onLate: leave };

  const granted = (place: Place, look: Granted): RedisGrant => {
    const grant: RedisGrant = new RedisGrant(steps, place, look, () => grants.delete(grant));
    grants.add(grant);
    return grant;
  };

  /** Runs `work` for a place of its own, with a signal that aborts with `signal` or when the driver is closed. */
  const open = async <T>(
    request: LeaseRequest,
    signal: AbortSignal,
    work: (place: Place, either: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    signal.throwIfAborted();
    if (closed !== undefined) throw closed;
    const place = steps.place(request);
    const call = new AbortController();
    // Left at once, before anything else is sent: a call that follows the abort finds no waiter before it.
    const end = (reason: unknown): void => {
      call.abort(reason);
      leave(place);
    };
    const onAbort = (): void => end(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    call.signal.addEventListener('abort', () => signal.removeEventListener('abort', onAbort), { once: true });
    const working = work(place, call.signal);
    underWay.set(call, working);
    try {
      return await working;
    } catch (error) {
      if (place.known && (!call.signal.aborted || call.signal.reason === closed)) leave(place);
      throw error;
    } finally {
      underWay.delete(call);
      signal.removeEventListener('abort', onAbort);
    }
  };

  const inLine = async (place: Place, signal: AbortSignal): Promise<RedisGrant> =>
    granted(place, await awaitTurn(room, place, signal));

  const atOnce = async (place: Place, signal: AbortSignal): Promise<RedisGrant | undefined> => {
    const look = await steps.look(place, false, signal, () => leave(place));
    return look.token === undefined ? undefined : granted(place, look);
  };

  const close = async (): Promise<void> => {
    closed ??= new RedisClosedError();
    for (const call of underWay.keys()) call.abort(closed);
    // Only when they have settled is it known what they leave to be cleaned.
    await Promise.allSettled(underWay.values());
    for (const grant of grants) {
      grant.reportClosed();
      const { name, ttl } = grant;
      inBackground({ name, ttl } as LeaseRequest, grant.release());
    }
    const longest = Math.max(0, ...[...cleaning.values()].map(({ ttl }) => ttl));
    await atMost(longest + 1500, allCleaned());
    if (cleaning.size > 0) {
      const names = [...new Set([...cleaning.values()].map(({ name }) => name))].join(', ');
      getLogger().warn(
        `Closed the redis lease driver without an answer of redis at ${source.endpoint}: left behind are ` +
          `${cleaning.size} places in the queues for ${names}, which end by their ttl, ${longest} ms at most`,
      );
    }
    calls.close();
    lane.close();
  };

  const allCleaned = async (): Promise<void> => {
    while (cleaning.size > 0) await Promise.all(cleaning.keys());
  };

  return {
    kind: 'lease',
    name: 'redis',
    acquire: (request, signal) => open(request, signal, inLine),
    tryAcquire: (request, signal) => open(request, signal, atOnce),
    holders: (name) => steps.holders(name),
    close,
    [Symbol.asyncDispose]: close,
  };
}
