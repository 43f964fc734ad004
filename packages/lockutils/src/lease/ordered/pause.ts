import { realTime } from '@oslo-concurrency/core';
import { unlessAborted } from '../../local/settle-once.js';

/** Resolves after `ms`, or rejects with the reason of `signal`. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = realTime.setTimeout(resolve, ms);
  });
  return unlessAborted(elapsed, signal).finally(() => realTime.clearTimeout(timer));
}

/** Resolves when `work` has settled, after `ms` at the latest; rejects with the reason of `signal`. */
export async function atMost(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const timer = pause(ms, stop.signal);
  timer.catch(() => {});
  try {
    await Promise.race([work.catch(() => {}), timer]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    stop.abort();
  }
}
