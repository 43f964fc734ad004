import { type Clock, systemClock } from '@oslo-concurrency/core';
import { onAbort, unlessAborted } from '../local/settle-once.js';
import { nothing } from '../steps.js';
import { LeaseUnansweredError } from './errors.js';

/**
 * Runs `work` with a signal that aborts with `signal`, or after `limit` ms with a {@link LeaseUnansweredError}. Settles
 * as `work` does, or when the signal aborts, whichever is first. A late value goes to `late`.
 */
export async function limited<T>(
  limit: number,
  name: string,
  signal: AbortSignal | undefined,
  work: (either: AbortSignal) => Promise<T>,
  late: (value: T) => unknown = nothing,
  clock: Pick<Clock, 'schedule'> = systemClock,
): Promise<T> {
  signal?.throwIfAborted();
  const either = new AbortController();
  const stopListening = signal && onAbort(signal, () => either.abort(signal.reason));
  const stopTimer = clock.schedule(limit, () => either.abort(new LeaseUnansweredError(name, 'acquire', limit)));
  try {
    return await unlessAborted(work(either.signal), either.signal, late);
  } finally {
    stopTimer();
    stopListening?.();
  }
}
