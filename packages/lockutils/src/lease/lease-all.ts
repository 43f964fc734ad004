import { InvalidOptionError, isConcurrencyError } from '@oslo-concurrency/core';
import type { LeaseGrant } from '../drivers/lease-driver.js';
import { onAbort } from '../local/settle-once.js';
import { acquireLease } from './acquire-lease.js';
import { LeaseTimeoutError } from './errors.js';
import type { HeldLease } from './held-lease.js';
import { HeldLeases } from './held-leases.js';
import { holdAround } from './hold-around.js';
import { leaseClock } from './lease-clock.js';
import { type LeaseOptions, type LeaseSettings, leaseSettings } from './lease-options.js';

/**
 * Acquires several leases, all or none, each with its own token and signal. If one of them cannot be acquired, or one that
 * was acquired is lost meanwhile, those already acquired are released, and the call rejects as `lease` does.
 *
 * Callers that acquire their leases with one `leaseAll` never wait for each other in a cycle, in whatever order they name
 * them: each acquires them in one order, that of the keys of the driver, so each waits for a lease that comes later in that
 * order than all it holds. The guarantee does not cover a caller that asks for another lease while holding these. Names
 * that mean the same lease count once. `timeout` bounds the whole call; `permits` is for each name.
 *
 * @param names - The names of the leases.
 * @param fn - Runs while all leases are held; receives them. They are released when it settles.
 * @throws LeaseLostError if one of them was lost while the others were acquired or `fn` ran; what `lease` throws.
 * @example
 * await leaseAll(['account:7', 'account:3'], { driver, ttl: 15_000 }, ({ signal }) => transfer({ signal }));
 */
export function leaseAll<G extends LeaseGrant = LeaseGrant>(
  names: readonly string[],
  options: LeaseOptions<G>,
): Promise<HeldLeases<G>>;
export function leaseAll<T, G extends LeaseGrant = LeaseGrant>(
  names: readonly string[],
  options: LeaseOptions<G>,
  fn: (held: HeldLeases<G>) => T | PromiseLike<T>,
): Promise<T>;
export async function leaseAll<T, G extends LeaseGrant>(
  names: readonly string[],
  options: LeaseOptions<G>,
  fn?: (held: HeldLeases<G>) => T | PromiseLike<T>,
): Promise<T | HeldLeases<G>> {
  if (!Array.isArray(names)) throw new InvalidOptionError('names', 'an array of lease names', names);
  const settings = names.map((name) => leaseSettings(name, options))[0] ?? leaseSettings('none', options);
  if (fn !== undefined && typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const keyOf = (name: string): string => settings.driver.keyOf?.(name) ?? name;
  const nameOf = new Map<string, string>();
  for (const name of names) if (!nameOf.has(keyOf(name))) nameOf.set(keyOf(name), name);
  const inOrder = [...nameOf.keys()].sort().map((key) => nameOf.get(key) as string);
  const held = new HeldLeases(await acquireInOrder(inOrder, settings), keyOf);
  return fn === undefined ? held : holdAround(held, inOrder.join(' + '), fn);
}

async function acquireInOrder<G extends LeaseGrant>(
  names: readonly string[],
  settings: LeaseSettings<G>,
): Promise<HeldLease<G>[]> {
  const { timeout, signal } = settings;
  const begun = leaseClock.now();
  const held: HeldLease<G>[] = [];
  // Aborts with the caller, and when one that is held already is lost: the others would be of no use.
  const end = new AbortController();
  const stops = signal === undefined ? [] : [onAbort(signal, () => end.abort(signal.reason))];
  if (signal?.aborted) end.abort(signal.reason);
  try {
    for (const name of names) {
      const left = Math.max(0, timeout - (leaseClock.now() - begun));
      const one = await acquireLease(name, { ...settings, timeout: left, signal: end.signal }).catch(
        (error: unknown) => {
          const timedOut = isConcurrencyError(error, 'ERR_LEASE_TIMEOUT') && error instanceof LeaseTimeoutError;
          throw timedOut ? new LeaseTimeoutError(name, timeout, error.holders) : error;
        },
      );
      held.push(one);
      stops.push(onAbort(one.signal, () => end.abort(one.signal.reason)));
    }
    for (const one of held) one.assertHeld();
    return held;
  } catch (error) {
    await Promise.allSettled([...held].reverse().map((one) => one.release()));
    throw error;
  } finally {
    for (const stop of stops) stop();
  }
}
