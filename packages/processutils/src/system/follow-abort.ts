import { listenShared } from './shared-listener.js';

/**
 * Aborts `controller` when `signal` is, with its reason. Returns how to stop. Not `AbortSignal.any`, which keeps something
 * for each command on a signal that lives as long as the program.
 */
export function followAbort(signal: AbortSignal | undefined, controller: AbortController): () => void {
  if (signal === undefined) return () => {};
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  return listenShared(signal, 'abort', abort, (listener) => {
    const onAbort = (): void => listener();
    signal.addEventListener('abort', onAbort);
    return () => signal.removeEventListener('abort', onAbort);
  });
}
