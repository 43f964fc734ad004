/**
 * Makes `signal.aborted`, `reason` and `throwIfAborted()` call `check` before they answer. So a signal that a caller
 * kept is right at the moment it is read, and not only as of the last turn of the event loop.
 *
 * These are own properties of this one signal, and its prototype does not change. `fetch`, `AbortSignal.any`, streams
 * and timers accept it as a genuine AbortSignal.
 */
export function readingThrough(signal: AbortSignal, check: () => unknown): AbortSignal {
  const { get: aborted } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted') as PropertyDescriptor;
  const { get: reason } = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'reason') as PropertyDescriptor;
  Object.defineProperties(signal, {
    aborted: {
      get: () => {
        check();
        return aborted?.call(signal) as boolean;
      },
    },
    reason: {
      get: () => {
        check();
        return reason?.call(signal) as unknown;
      },
    },
    throwIfAborted: {
      value: () => {
        check();
        AbortSignal.prototype.throwIfAborted.call(signal);
      },
    },
  });
  return signal;
}
