import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * A procedure of file system calls, written once and run either way: each call is yielded, as its value or as a promise
 * of it, and comes back as the value. One text of a protocol means one argument why it is right.
 */
export type Steps<T> = Generator<unknown, T, unknown>;

/** One call of such a procedure: `const names = yield* step(fs.readdir(path))`. */
export function* step<T>(value: T | PromiseLike<T>): Steps<T> {
  return (yield value) as T;
}

/** Runs the calls one after the other, waiting for each. */
export async function run<T>(steps: Steps<T>): Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    let value: unknown;
    try {
      value = await next.value;
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(value);
  }
  return next.value;
}

/** Runs the calls in one go. @throws InvalidOptionError when one of them answers with a promise. */
export function runSync<T>(steps: Steps<T>): T {
  let next = steps.next();
  while (next.done !== true) {
    const { value } = next;
    if (typeof (value as PromiseLike<unknown> | undefined)?.then === 'function') {
      next = steps.throw(new InvalidOptionError('fs', 'a file system without promises, for locking at once', value));
    } else next = steps.next(value);
  }
  return next.value;
}
