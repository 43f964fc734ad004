import { systemClock } from '@oslo-concurrency/core';

/** Waits so many ms, which may be more than a timer of Node takes, or until `signal` aborts. Never rejects. */
export function patience(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = systemClock.schedule(ms, end);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}
