import { realTime } from '@oslo-concurrency/core';

/** Resolves after `ms`, or rejects with the reason of `signal`. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      realTime.clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = realTime.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when `work` has settled, after `ms` at the latest; rejects with the reason of `signal`. */
export async function atMost(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    await Promise.race([work.catch(() => {}), pause(ms, stop.signal)]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stop.abort();
  }
}
