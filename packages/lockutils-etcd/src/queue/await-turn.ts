import { isConcurrencyError, realTime } from '@oslo-concurrency/core';
import type { LeaseRequest } from '@oslo-concurrency/lockutils';
import type { KeyValue } from '../gateway/etcd-api.js';
import type { AttemptSettings, Gateway } from '../gateway/gateway.js';
import { pause } from '../gateway/stop-after.js';
import { type KeyFate, watchKey } from './key-watch.js';
import { farewellOf, holderOf } from './owner-value.js';
import type { QueueKey, View } from './queue-key.js';

/**
 * How long to stay back when the key ahead went without its holder having given it up. As a rule it expired, and its
 * holder stopped long before. But etcd can also end a lease early under a living holder: a leader that was paused
 * revokes, when it wakes, what was renewed at its successor (etcd issue 12528, mitigated in 3.4.31 and 3.5.13), or an
 * operator deletes a key. That holder hears of it by its own watch within milliseconds. This is the time for it. Milliseconds.
 */
export const stayBack = 500;

/** How often a place is kept alive, for a ttl in milliseconds. */
export const keepEvery = (ttl: number): number => ttl / 3;

/**
 * Waits until `place` is the first of its queue, keeping it alive meanwhile, by a watch on the key before it only: no
 * polling, and one release wakes one waiter. `false` when the key is gone, and with it the place.
 *
 * An outage is sat out for as long as the place cannot have expired; then its error is thrown.
 */
export async function awaitTurn(
  gateway: Gateway,
  place: QueueKey,
  request: LeaseRequest,
  firstView: View,
  signal: AbortSignal,
): Promise<boolean> {
  let view: View | undefined = firstView;
  let fate: KeyFate | undefined;
  let ahead: KeyValue | undefined;
  for (;;) {
    try {
      view ??= await place.look(keeping(gateway, place, request, signal));
      if (!view.mine) return false;
      if (view.ahead === undefined) {
        const wentUnsaid = (fate === 'deleted' || fate === 'broken') && isOurs(ahead);
        if (wentUnsaid) await pause(stayBack, signal);
        return await place.renew(keeping(gateway, place, request, signal));
      }
      request.waiting(view.first === undefined ? [] : [holderOf(view.first.value)]);
      ahead = view.ahead;
      fate = await untilGone(gateway, place, request, view, ahead, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error) || request.now() >= place.validUntil) throw error;
      await pause(50, signal);
    }
    view = undefined;
  }
}

/** What became of `ahead`, or `broken` when it is time to look again. */
async function untilGone(
  gateway: Gateway,
  place: QueueKey,
  request: LeaseRequest,
  view: View,
  ahead: KeyValue,
  signal: AbortSignal,
): Promise<KeyFate> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const member = gateway.current;
  const key = Buffer.from(ahead.key, 'base64').toString();
  const watching = watchKey(gateway, key, BigInt(view.revision) + 1n, stop.signal, farewellOf(ahead.value));
  try {
    for (;;) {
      const timeToKeep = pause(keepEvery(request.ttl), stop.signal).then(() => 'keep' as const);
      const news = await Promise.race([watching, timeToKeep]);
      signal.throwIfAborted();
      if (news === 'broken') await pause(50, signal);
      if (news !== 'keep') return news;
      if (!(await place.renew(keeping(gateway, place, request, signal)))) return 'broken';
      // A member that does not answer a keepalive would not tell of a deleted key either.
      if (gateway.current !== member) return 'broken';
      // One that does may still have a stream that tells nothing: of a connection that died alone nobody hears. etcd
      // sends no word that it is alive more often than every ten minutes, so the queue itself is looked at.
      const now = await place.look(keeping(gateway, place, request, signal));
      if (!now.mine) return 'broken';
      if (now.ahead?.key === ahead.key) continue;
      // The stream may be about to tell, and knows more: whether the key was given up or just went.
      const late = pause(100, stop.signal).then(() => 'broken' as const);
      const fate = await Promise.race([watching, late]);
      signal.throwIfAborted();
      return fate;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop.abort();
  }
}

/**
 * How one request of a renewal is made: short enough to ask the other members before the lease is over, but not
 * shorter than what answers take where the way is long or the machine busy.
 */
export function renewal(gateway: Gateway, ttl: number, signal: AbortSignal): { signal: AbortSignal; timeout: number } {
  return { signal, timeout: Math.max(200, ttl / 6, 3 * gateway.latency) };
}

/** How a waiter's requests are made: as a renewal, and not for much longer than its place can last. */
function keeping(gateway: Gateway, place: QueueKey, request: LeaseRequest, signal: AbortSignal): AttemptSettings {
  const left = Math.max(200, place.validUntil - request.now());
  return { ...renewal(gateway, request.ttl, signal), until: realTime.now() + left };
}

function isPassing(error: unknown): boolean {
  return (
    isConcurrencyError(error, 'ERR_ETCD_UNAVAILABLE') || (error as { tryElsewhere?: boolean }).tryElsewhere === true
  );
}

function isOurs(ahead: KeyValue | undefined): boolean {
  return ahead !== undefined && holderOf(ahead.value).pid !== undefined;
}
