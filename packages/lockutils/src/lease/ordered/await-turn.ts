import { getLogger, isConcurrencyError, realTime } from '@oslo-concurrency/core';
import type { LeaseRequest } from '../../drivers/lease-driver.js';
import { limited } from '../limited.js';
import type { EngineGrant } from './engine-grant.js';
import type { LeaseQueue, PlaceView, QueuePlace } from './lease-queue.js';
import { pause } from './pause.js';

/**
 * Waits until the turn of `place` has come, and keeps it meanwhile. `undefined` when the place is gone.
 *
 * A waiter looks when its engine notifies it, when its place must be kept, and when a change is due by what the engine
 * said. It polls only if the engine cannot notify. During an outage it goes on waiting until its place may have ended;
 * then the call rejects with the error.
 */
export async function awaitTurn<G extends EngineGrant>(
  queue: LeaseQueue<G>,
  place: QueuePlace<G>,
  request: LeaseRequest,
  first: PlaceView<G>,
  signal: AbortSignal,
): Promise<G | undefined> {
  let view: PlaceView<G> | undefined = first;
  for (;;) {
    try {
      view ??= await limited(Math.max(200, place.validUntil - request.now()) + 500, request.name, signal, (either) =>
        place.look(either),
      );
      if (view.state === 'granted') return view.grant;
      if (view.state === 'gone') return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const passing = isConcurrencyError(error, 'ERR_LEASE_UNANSWERED') || queue.isPassing(error);
      if (!passing || request.now() >= place.validUntil) throw error;
      await pause(50, signal);
      continue;
    }
    request.waiting(view.holders);
    const until = view.until === undefined ? Number.POSITIVE_INFINITY : Math.max(5, view.until - request.now());
    await untilWorthALook(queue, place, Math.min(place.keepEvery ?? request.ttl / 3, until), signal);
    view = undefined;
  }
}

async function untilWorthALook<G extends EngineGrant>(
  queue: LeaseQueue<G>,
  place: QueuePlace<G>,
  longest: number,
  signal: AbortSignal,
): Promise<void> {
  // Up to a quarter earlier, so that waiters that began together do not keep asking at the same moments.
  const interval = (queue.lookEvery ?? 250) * (1 - Math.random() / 4);
  if (place.changed === undefined) return pause(Math.min(longest, interval), signal);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const begun = realTime.now();
  const told = place.changed(stop.signal).catch((error: unknown) => {
    if (stop.signal.aborted) return undefined;
    getLogger().debug(`The ${queue.name} lease driver polls, since it cannot be notified: ${String(error)}`);
    return pause(Math.max(0, interval - (realTime.now() - begun)), stop.signal);
  });
  try {
    await Promise.race([told, pause(longest, stop.signal)]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.abort();
  }
}
