/**
 * Makes `signal.aborted`, `reason` and `throwIfAborted()` call `check` before they answer, so that a signal somebody
 * has kept tells the truth at the moment it is read and not as of the last turn of the event loop.
 *
 * Own properties of this one signal; the prototype is left alone, and `fetch`, `AbortSignal.any`, streams and timers
 * take it for what it is, a genuine AbortSignal.
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
