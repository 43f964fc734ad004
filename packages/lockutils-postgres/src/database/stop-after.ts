import { realTime } from '@oslo-concurrency/core';

// The number of parts in which the timeout is counted.
const parts = 8;

/**
 * A signal that aborts after `timeout` ms, unless `done` was called before.
 *
 * Parts in which this process was too busy to look do not count, up to as many again: an answer that arrived meanwhile
 * is not late, this process is. Node runs timers that are due before it reads from sockets, so one timer of the whole
 * length would end every request that a busy second fell into, with its answer already there.
 */
export function stopAfter(timeout: number): { readonly signal: AbortSignal; done(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const part = timeout / parts;
  const count = (left: number, forgiven: number): void => {
    const due = realTime.now() + part;
    timer = realTime.setTimeout(() => {
      const busy = realTime.now() - due > part && forgiven > 0;
      if (busy) return count(left, forgiven - 1);
      if (left > 1) return count(left - 1, forgiven);
      return controller.abort();
    }, part);
  };
  count(parts, parts);
  return { signal: controller.signal, done: () => realTime.clearTimeout(timer) };
}

/** Settles as `work` does, or rejects with the reason of `signal` when that aborts. What arrives later goes to `late`. */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = true;
    const settle = (action: () => void): void => {
      if (!open) return;
      open = false;
      signal.removeEventListener('abort', onAbort);
      action();
    };
    const onAbort = (): void => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(
      (value) => (open ? settle(() => resolve(value)) : late(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    if (signal.aborted) onAbort();
  });
}
