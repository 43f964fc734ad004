import { realTime } from '@oslo-concurrency/core';

// The number of parts in which the timeout is counted.
const parts = 8;

/**
 * A signal that aborts with `outer`, or after `timeout` ms unless `endTimeout` was called; `done` lets go of both.
 *
 * Parts in which this process was too busy to look do not count, up to as many again: an answer that came meanwhile is
 * not late, we are. Node runs timers that are due before it reads from sockets, so one timer of the whole length would
 * break off every request that a busy second fell into, its answer lying there.
 */
export function stopAfter(
  timeout: number,
  outer: AbortSignal | undefined,
): { readonly signal: AbortSignal; timedOut(): boolean; endTimeout(): void; done(): void } {
  const controller = new AbortController();
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const part = timeout / parts;
  const count = (left: number, forgiven: number): void => {
    const due = realTime.now() + part;
    timer = realTime.setTimeout(() => {
      const busy = realTime.now() - due > part && forgiven > 0;
      if (busy) return count(left, forgiven - 1);
      if (left > 1) return count(left - 1, forgiven);
      late = true;
      return controller.abort();
    }, part);
  };
  count(parts, parts);
  const onAbort = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal: controller.signal,
    timedOut: () => late && !outer?.aborted,
    endTimeout: () => realTime.clearTimeout(timer),
    done() {
      realTime.clearTimeout(timer);
      outer?.removeEventListener('abort', onAbort);
    },
  };
}

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
