import { realTime } from '@oslo-concurrency/core';
import type { LeaseRequest } from '@oslo-concurrency/lockutils';
import type { AttemptSettings, Gateway } from '../gateway/gateway.js';

/**
 * How long to stay back when the key ahead went without its holder having given it up. As a rule it expired, and its
 * holder stopped long before. But etcd can also end a lease early under a living holder: a leader that was paused
 * revokes, when it wakes, what was renewed at its successor (etcd issue 12528, mitigated in 3.4.31 and 3.5.13), or an
 * operator deletes a key. That holder hears of it by its own watch within milliseconds. This is the time for it. Milliseconds.
 */
export const stayBack = 500;

/** How often a place is kept alive, for a ttl in milliseconds. */
export const keepEvery = (ttl: number): number => ttl / 3;

/** When to have ended with what takes or gives up one place; `lease` itself ends half a second later. */
export function limitFor({ ttl }: Pick<LeaseRequest, 'ttl'>): { readonly until: number } {
  return { until: realTime.now() + ttl + 1000 };
}

/**
 * How one request of a renewal is made: short enough to ask the other members before the lease is over, but not
 * shorter than what answers take where the way is long or the machine busy.
 */
export function renewal(gateway: Gateway, ttl: number, signal: AbortSignal): { signal: AbortSignal; timeout: number } {
  return { signal, timeout: Math.max(200, ttl / 6, 3 * gateway.latency) };
}

/** How a waiter's requests are made: as a renewal, and not for much longer than its place can last. */
export function keeping(
  gateway: Gateway,
  request: LeaseRequest,
  validUntil: number,
  signal: AbortSignal,
): AttemptSettings {
  const left = Math.max(200, validUntil - request.now());
  return { ...renewal(gateway, request.ttl, signal), until: realTime.now() + left };
}
