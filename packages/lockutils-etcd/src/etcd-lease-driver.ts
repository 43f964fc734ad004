import { getLogger, realTime } from '@oslo-concurrency/core';
import type { Holder, LeaseDriver, LeaseRequest } from '@oslo-concurrency/lockutils';
import { EtcdClosedError } from './etcd-errors.js';
import { type EtcdOptions, etcdSettings } from './etcd-options.js';
import { keysUnder, type RangeResponse } from './gateway/etcd-api.js';
import { type AttemptSettings, Gateway } from './gateway/gateway.js';
import { atMost, pause } from './gateway/stop-after.js';
import { awaitTurn, stayBack } from './queue/await-turn.js';
import { EtcdGrant } from './queue/etcd-grant.js';
import { revokeLease } from './queue/etcd-lease.js';
import { farewellOf, holderOf } from './queue/owner-value.js';
import { limitFor, QueueKey, type View } from './queue/queue-key.js';

/** For what a place in etcd is. */
interface Place {
  readonly name: string;
  readonly ttl: number;
}

/** A lease driver on an etcd cluster. */
export interface EtcdLeaseDriver extends LeaseDriver, AsyncDisposable {
  acquire(request: LeaseRequest, signal: AbortSignal): Promise<EtcdGrant>;
  tryAcquire(request: LeaseRequest, signal: AbortSignal): Promise<EtcdGrant | undefined>;
  holders(name: string): Promise<readonly Holder[]>;
  /**
   * Ends waits with an EtcdClosedError, and aborts and releases the leases that are held through this driver. Resolves
   * when nothing of it is left in etcd. Where etcd cannot be reached it resolves within ttl + 2 s, and warns in the log
   * of what is left there.
   */
  close(): Promise<void>;
}

/**
 * Leases on etcd 3.4 or later, by the HTTP gateway on its client port and etcd's own lock recipe, so that they queue,
 * first come first served, with those of `etcdctl lock <prefix><name>`.
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
  const grants = new Set<EtcdGrant>();
  /** What goes on behind a call that has settled: places being taken back. */
  const cleaning = new Map<Promise<unknown>, Place>();
  /** What is under way; a set and not one signal, which warns of a leak when more than ten listen to it. */
  const calls = new Map<AbortController, Promise<unknown>>();
  let closed: EtcdClosedError | undefined;

  const queueOf = (name: string): string => `${prefix}${name.replace(/[%/]/g, encodeURIComponent)}/`;

  const inBackground = (place: Place, work: Promise<unknown>): void => {
    const watched: Promise<unknown> = work
      .catch((error: unknown) =>
        getLogger().warn(
          `A place in etcd in the line for ${place.name} could not be taken back, it expires by its ttl of ${place.ttl} ms: ` +
            String(error),
        ),
      )
      .finally(() => cleaning.delete(watched));
    cleaning.set(watched, { name: place.name, ttl: place.ttl });
  };

  /**
   * Joining is never broken off half way: the request may be under way to the server, and removing what is not
   * there yet would leave it there. A caller that aborts is answered at once. The driver removes the place as soon as it
   * knows it.
   */
  const join = async (request: LeaseRequest, signal: AbortSignal): Promise<{ place: QueueKey; view: View }> => {
    signal.throwIfAborted();
    // One limit for the turn and the requests together: the call settles within it.
    const limit = limitFor(request);
    const enter = () =>
      QueueKey.join(gateway, queueOf(request.name), request, limit, (lease) =>
        inBackground(request, revokeLease(gateway, lease, limitFor(request))),
      );
    // An abort before the turn comes leaves nothing to clean up: nothing was sent.
    const joining = gateway.turnstile.pass('join', enter, { signal, patience: limit.until - realTime.now() });
    let settle = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      settle = () => reject(signal.reason);
      signal.addEventListener('abort', settle, { once: true });
    });
    try {
      return await Promise.race([joining, aborted]);
    } catch (error) {
      if (signal.aborted)
        inBackground(
          request,
          joining.then(
            ({ place }) => place.leave(),
            () => {},
          ),
        );
      throw error;
    } finally {
      signal.removeEventListener('abort', settle);
    }
  };

  const granted = (place: QueueKey, request: LeaseRequest): EtcdGrant => {
    const grant: EtcdGrant = new EtcdGrant(gateway, place, request, () => grants.delete(grant));
    grants.add(grant);
    return grant;
  };

  /** Runs `work` with a signal that aborts with `signal` or when the driver is closed. */
  const open = async <T>(signal: AbortSignal, work: (either: AbortSignal) => Promise<T>): Promise<T> => {
    if (closed !== undefined) throw closed;
    const call = new AbortController();
    const onAbort = (): void => call.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const working = work(call.signal);
    calls.set(call, working);
    try {
      return await working;
    } finally {
      calls.delete(call);
      signal.removeEventListener('abort', onAbort);
    }
  };

  const inLine = async (request: LeaseRequest, signal: AbortSignal): Promise<EtcdGrant> => {
    for (let lostPlace = false; ; lostPlace = true) {
      const { place, view } = await join(request, signal);
      try {
        // All places were lost, so perhaps that of a living holder too; see stayBack.
        if (lostPlace) await pause(stayBack, signal);
        const first = view.ahead === undefined && !lostPlace;
        if (first || (await awaitTurn(gateway, place, request, view, signal))) return granted(place, request);
      } catch (error) {
        inBackground(request, place.leave());
        throw error;
      }
    }
  };

  const atOnce = async (request: LeaseRequest, signal: AbortSignal): Promise<EtcdGrant | undefined> => {
    const limit = { ...limitFor(request), signal };
    await takenBack(request, signal);
    const someone = await firstOf(request.name, limit);
    if (someone !== undefined) return undefined;
    const { place, view } = await join(request, signal);
    try {
      if (view.ahead === undefined || (await place.isFirst(limit))) return granted(place, request);
    } catch (error) {
      inBackground(request, place.leave());
      throw error;
    }
    inBackground(request, place.leave());
    return undefined;
  };

  /** Waits until the places that calls of this driver have left are gone: nobody holds anything by them. */
  const takenBack = async ({ name, ttl }: LeaseRequest, signal: AbortSignal): Promise<void> => {
    // Those that are just being ended have not said yet what they leave.
    const ending = [...calls].filter(([call]) => call.signal.aborted).map(([, working]) => working);
    if (ending.length > 0) await atMost(ttl / 4, Promise.allSettled(ending), signal);
    const left = [...cleaning].filter(([, place]) => place.name === name).map(([work]) => work);
    if (left.length > 0) await atMost(ttl / 4, Promise.all(left), signal);
  };

  const firstOf = async (name: string, settings: AttemptSettings) => {
    const query = { ...keysUnder(queueOf(name)), sort_order: 'ASCEND', sort_target: 'CREATE' };
    const { kvs = [] } = await gateway.call<RangeResponse>('/v3/kv/range', query, settings);
    return kvs.find(({ value }) => farewellOf(value) === undefined);
  };

  const close = async (): Promise<void> => {
    closed ??= new EtcdClosedError();
    for (const call of calls.keys()) call.abort(closed);
    // Only when they have settled is it known what they leave to be cleaned.
    await Promise.allSettled(calls.values());
    for (const grant of grants) {
      grant.reportLost('closed');
      inBackground(grant, grant.release());
    }
    const longest = Math.max(0, ...[...cleaning.values()].map(({ ttl }) => ttl));
    await atMost(longest + 1500, allCleaned());
    if (cleaning.size > 0) {
      const names = [...new Set([...cleaning.values()].map(({ name }) => name))].join(', ');
      getLogger().warn(
        `Closed the etcd lease driver without an answer of etcd: left behind are ${cleaning.size} places in the lines ` +
          `for ${names}, which expire by their ttl, ${longest} ms at most`,
      );
    }
    await gateway.close();
  };

  const allCleaned = async (): Promise<void> => {
    while (cleaning.size > 0) await Promise.all(cleaning.keys());
  };

  return {
    kind: 'lease',
    name: 'etcd',
    acquire: (request, signal) => open(signal, (either) => inLine(request, either)),
    tryAcquire: (request, signal) => open(signal, (either) => atOnce(request, either)),
    async holders(name) {
      const first = await firstOf(name, {});
      return first === undefined ? [] : [holderOf(first.value)];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
