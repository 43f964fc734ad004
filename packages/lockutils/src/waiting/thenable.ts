/** Whether a driver answered with a promise; `instanceof` would miss those of another realm, as test runners have. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
