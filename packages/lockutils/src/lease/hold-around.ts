import { getLogger } from '@oslo-concurrency/core';
import { LeaseLostError } from './errors.js';

/**
 * Runs `fn` with what is held, then releases it. A loss while `fn` ran is more important than its value or its error,
 * which becomes the cause; any other failure of the release is logged if `fn` has failed itself.
 */
export async function holdAround<T, H extends { release(): Promise<void> }>(
  held: H,
  name: string,
  fn: (held: H) => T | PromiseLike<T>,
): Promise<T> {
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
    // The body's error is more important than the failed release: the lease expires by itself.
    getLogger().warn(`Releasing the lease ${name} failed: ${String(error)}`);
  }
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
