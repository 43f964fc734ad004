import { InvalidOptionError } from '@oslo-concurrency/core';
import type { LeaseGrant } from '../drivers/lease-driver.js';
import { acquireLease } from './acquire-lease.js';
import type { HeldLease } from './held-lease.js';
import { holdAround } from './hold-around.js';
import { type LeaseOptions, leaseSettings } from './lease-options.js';

/**
 * Holds `name` between machines for as long as it can be renewed: while `fn` runs, or until the handle is released.
 *
 * Promises: the handle's `signal` aborts before another caller can be granted the name, and its `fencingToken` grows
 * with every grant. Does not promise what a lock does: code that ignores the signal, or is stopped between checking and
 * writing, can overlap with a successor; check the token where you write. Times are milliseconds.
 *
 * @param name - The name of the lease. Callers that give the same name exclude each other, on all machines that use
 *   the same engine.
 * @param fn - Runs while the lease is held; receives the held lease. The lease is released when it settles.
 * @throws LeaseLostError if the lease was lost while `fn` ran; its cause is the error that `fn` threw.
 * LeaseTimeoutError; LeaseNotAcquiredError; the driver's errors; the reason of `options.signal`.
 * @example
 * await lease('report', { driver, ttl: 15_000 }, async ({ signal, fencingToken }) => write(fencingToken, { signal }));
 */
export function lease<G extends LeaseGrant = LeaseGrant>(name: string, options: LeaseOptions<G>): Promise<HeldLease<G>>;
export function lease<T, G extends LeaseGrant = LeaseGrant>(
  name: string,
  options: LeaseOptions<G>,
  fn: (held: HeldLease<G>) => T | PromiseLike<T>,
): Promise<T>;
export async function lease<T, G extends LeaseGrant>(
  name: string,
  options: LeaseOptions<G>,
  fn?: (held: HeldLease<G>) => T | PromiseLike<T>,
): Promise<T | HeldLease<G>> {
  const settings = leaseSettings(name, options);
  if (fn !== undefined && typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const held = await acquireLease(name, settings);
  return fn === undefined ? held : holdAround(held, name, fn);
}
