import type { LeaseDriver, LeaseRequest } from '../../drivers/lease-driver.js';
import { onAbort, unlessAborted } from '../../local/settle-once.js';
import type { Holder } from '../../owner/holder.js';
import { limited } from '../limited.js';
import { awaitTurn } from './await-turn.js';
import { Cleanup } from './cleanup.js';
import type { EngineGrant } from './engine-grant.js';
import type { LeaseQueue, PlaceView, QueuePlace } from './lease-queue.js';
import { atMost } from './pause.js';

/** A driver that {@link orderedLeaseDriver} made. */
export interface OrderedLeaseDriver<G extends EngineGrant> extends LeaseDriver<G>, AsyncDisposable {
  acquire(request: LeaseRequest, signal: AbortSignal): Promise<G>;
  holders(name: string): Promise<readonly Holder[]>;
  /**
   * Ends waits with the queue's error, and aborts and releases the leases that are held through this driver. Resolves
   * when nothing of it is left in the engine. If the engine does not answer, it resolves within the longest ttl + 2 s,
   * and the log says what is left there.
   */
  close(): Promise<void>;
}

/**
 * Makes a lease driver with an order of arrival of an engine's queue: it joins, waits, keeps places, joins again after a
 * loss, removes what aborted calls leave behind, and closes. The engine's code only says how one place joins, looks and
 * leaves.
 *
 * What a call holds: before the join, nothing. With a place, later comers wait until it has left or ended. When `look`
 * answers `granted`, the lease. An aborted call is answered at once; its join goes on, and then its place leaves or its
 * grant is released. After a crash at any step a place or a lease is left, which ends by its ttl.
 */
export function orderedLeaseDriver<G extends EngineGrant>(queue: LeaseQueue<G>): OrderedLeaseDriver<G> {
  const cleanup = new Cleanup(queue.name);
  const grants = new Map<G, LeaseRequest>();
  /** Calls under way; a set and not one signal, which warns of a leak when more than ten listen to it. */
  const calls = new Map<AbortController, Promise<unknown>>();
  let closed: Error | undefined;
  let closing: Promise<void> | undefined;

  const granted = (grant: G, request: LeaseRequest): G => {
    grants.set(grant, request);
    grant.released = () => grants.delete(grant);
    return grant;
  };
  const leave = (place: QueuePlace<G>, request: LeaseRequest): void =>
    cleanup.add(request, (limit) => place.leave(limit));
  const releaseUnused = (grant: G, request: LeaseRequest): void =>
    cleanup.add(request, (limit) => grant.release(limit));

  /** Joins, or removes what the join left. A join is never broken off: the request may be under way to the engine. */
  const join = async (
    request: LeaseRequest,
    again: boolean,
    caller: AbortSignal,
  ): Promise<{ readonly place: QueuePlace<G>; readonly view: PlaceView<G> }> => {
    const place = queue.place(request, { again, caller });
    const limit = longestAnswer(request);
    const joining = limited(limit, request.name, undefined, (signal) => place.join(signal));
    try {
      return { place, view: await unlessAborted(joining, caller) };
    } catch (error) {
      // The removal itself waits for the join: what leaves before it has arrived would leave the place there.
      const remove = async (until: AbortSignal): Promise<unknown> => {
        const view = await unlessAborted(joining, until).catch(() => undefined);
        return view?.state === 'granted' ? view.grant.release(until) : place.leave(until);
      };
      cleanup.add(request, remove);
      throw error;
    }
  };

  const acquire = async (request: LeaseRequest, signal: AbortSignal): Promise<G> => {
    for (let again = false; ; again = true) {
      const { place, view } = await join(request, again, signal);
      try {
        const grant = await awaitTurn(queue, place, request, view, signal);
        if (grant !== undefined) return granted(grant, request);
      } catch (error) {
        leave(place, request);
        throw error;
      }
    }
  };

  const attempt = async (request: LeaseRequest, signal: AbortSignal): Promise<G | undefined> => {
    await leftPlaces(request, signal);
    const limit = longestAnswer(request);
    if (queue.tryAcquire !== undefined) {
      const late = (grant: G | undefined): void => grant && releaseUnused(grant, request);
      const grant = await limited(limit, request.name, signal, (either) => tryOnce(request, either), late);
      return grant && granted(grant, request);
    }
    if (await limited(limit, request.name, signal, async (either) => queue.isTaken?.(request, either)))
      return undefined;
    const { place, view } = await join(request, false, signal);
    if (view.state === 'granted') return granted(view.grant, request);
    leave(place, request);
    return undefined;
  };
  const tryOnce = async (request: LeaseRequest, signal: AbortSignal) => queue.tryAcquire?.(request, signal);

  /** Waits until the places that calls of this driver have left are gone: nobody holds anything by them. */
  const leftPlaces = async ({ name, ttl }: LeaseRequest, signal: AbortSignal): Promise<void> => {
    // Those that are just being ended have not said yet what they leave.
    const ending = [...calls].filter(([call]) => call.signal.aborted).map(([, working]) => working);
    if (ending.length > 0) await atMost(ttl / 4, Promise.allSettled(ending), signal);
    const left = cleanup.of(name);
    if (left.length > 0) await atMost(ttl / 4, Promise.all(left), signal);
  };

  /** A grant that arrives for a call that has ended is released here, so that a new call knows of it. */
  const unlessEnded = async <T extends G | undefined>(
    request: LeaseRequest,
    signal: AbortSignal,
    work: (either: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    const grant = await work(signal);
    if (grant !== undefined && signal.aborted) {
      releaseUnused(grant, request);
      throw signal.reason;
    }
    return grant;
  };

  /** Runs `work` with a signal that aborts with `signal` or when the driver is closed. */
  const open = async <T extends G | undefined>(
    request: LeaseRequest,
    signal: AbortSignal,
    work: (either: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    if (closed !== undefined) throw closed;
    signal.throwIfAborted();
    const call = new AbortController();
    const stopListening = onAbort(signal, () => call.abort(signal.reason));
    const working = unlessEnded(request, call.signal, work);
    calls.set(call, working);
    try {
      return await working;
    } finally {
      calls.delete(call);
      stopListening();
    }
  };

  const end = async (): Promise<void> => {
    closed ??= queue.closed();
    for (const call of calls.keys()) call.abort(closed);
    // Only when they have settled is it known what they leave to be removed.
    await Promise.allSettled(calls.values());
    for (const [grant, request] of grants) {
      grant.reportLost('closed');
      releaseUnused(grant, request);
    }
    await cleanup.end();
    await queue.close();
  };
  const close = (): Promise<void> => {
    closing ??= end();
    return closing;
  };

  return {
    kind: 'lease',
    name: queue.name,
    permits: queue.permits === true,
    acquire: (request, signal) => open(request, signal, (either) => acquire(request, either)),
    tryAcquire: (request, signal) => open(request, signal, (either) => attempt(request, either)),
    holders: (name) => queue.holders(name),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Longer than the engine's own limit, whose error knows more. */
function longestAnswer({ ttl }: LeaseRequest): number {
  return ttl + 1500;
}
