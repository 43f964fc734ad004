import { systemClock } from '@oslo-concurrency/core';

/** Waits `ms`, which may be more than a timer of Node takes, or until `signal` aborts. Never rejects. */
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

/** What `promise` comes to, if that is within `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = patience(ms, timer.signal).then(() => undefined);
  const value = await Promise.race([promise, late]);
  timer.abort();
  return value;
}
