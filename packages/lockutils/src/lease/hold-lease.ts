import { getLogger, InvalidOptionError } from '@oslo-concurrency/core';
import { acquireLease } from './acquire-lease.js';
import type { HeldLease } from './held-lease.js';
import { LeaseLostError } from './lease.js';
import { type LeaseOptions, leaseSettings } from './lease-options.js';

/** What {@link lease} does. */
export async function holdLease<T>(
  name: string,
  options: LeaseOptions,
  fn: ((held: HeldLease) => T | PromiseLike<T>) | undefined,
): Promise<T | HeldLease> {
  const settings = leaseSettings(name, options);
  if (fn !== undefined && typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const held = await acquireLease(name, settings);
  return fn === undefined ? held : around(held, fn);
}

async function around<T>(held: HeldLease, fn: (held: HeldLease) => T | PromiseLike<T>): Promise<T> {
  let outcome: { readonly value: T } | { readonly error: unknown };
  try {
    outcome = { value: await fn(held) };
  } catch (error) {
    outcome = { error };
  }
  try {
    await held.release();
  } catch (error) {
    if ('value' in outcome || outcome.error === error) throw error;
    if (error instanceof LeaseLostError) {
      throw new LeaseLostError(error.leaseName, error.fencingToken, error.reason, outcome.error);
    }
    // The body's error says more than that the lease could not be given back and has to expire.
    getLogger().warn(`Releasing the lease ${held.name} failed: ${String(error)}`);
  }
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
