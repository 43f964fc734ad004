import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * A procedure that is written once and can run in two ways: with promises by {@link perform}, or synchronously by
 * {@link runSync}. The procedure yields the result of each call, as a value or as a promise, and receives the value. A
 * test can stop the procedure between any two steps.
 */
export type Steps<T> = Generator<unknown, T, unknown>;

/**
 * A step that may be cut short. `releaseLate` releases an answer that arrives after the procedure stopped waiting for it.
 */
export class Cuttable {
  readonly value: unknown;
  readonly releaseLate: (late: never) => unknown;

  constructor(value: unknown, releaseLate: (late: never) => unknown) {
    this.value = value;
    this.releaseLate = releaseLate;
  }
}

/** For a step whose late answer needs no release. */
export const nothing = (): void => {};

/** One step: `const names = yield* step(fs.readdir(path))`. */
export function* step<T>(value: T | PromiseLike<T>, releaseLate?: (late: T) => unknown): Steps<T> {
  return (yield releaseLate === undefined ? value : new Cuttable(value, releaseLate)) as T;
}

/** Cuts a step short, by rejecting, when the call that it belongs to has to end. */
export type Race = (step: Cuttable) => PromiseLike<unknown>;

/** Runs the steps: synchronously as far as possible, the rest asynchronously. */
export function perform<T>(steps: Steps<T>, race?: Race): T | Promise<T> {
  let next = steps.next();
  while (next.done !== true) {
    const value = valueIn(next.value);
    if (isThenable(value)) return performLater(steps, next, race);
    next = steps.next(value);
  }
  return next.value;
}

async function performLater<T>(steps: Steps<T>, first: IteratorResult<unknown, T>, race?: Race): Promise<T> {
  let next = first;
  while (next.done !== true) {
    let value = valueIn(next.value);
    if (isThenable(value)) {
      try {
        value = await (next.value instanceof Cuttable && race !== undefined ? race(next.value) : value);
      } catch (error) {
        next = steps.throw(error);
        continue;
      }
    }
    next = steps.next(value);
  }
  return next.value;
}

/** The same, but always returns a promise. */
export async function run<T>(steps: Steps<T>): Promise<T> {
  return perform(steps);
}

/**
 * Runs the steps synchronously. If a step returns a promise, throws `refusal()` and releases the answer that the
 * promise brings later.
 */
export function runSync<T>(steps: Steps<T>, refusal: (pending: unknown) => Error = promisesRefused): T {
  let next = steps.next();
  while (next.done !== true) {
    const value = valueIn(next.value);
    if (isThenable(value)) {
      value
        .then(next.value instanceof Cuttable ? (next.value.releaseLate as (late: unknown) => unknown) : nothing)
        .then(nothing, nothing);
      next = steps.throw(refusal(value));
    } else next = steps.next(value);
  }
  return next.value;
}

function valueIn(yielded: unknown): unknown {
  return yielded instanceof Cuttable ? yielded.value : yielded;
}

function promisesRefused(promise: unknown): Error {
  return new InvalidOptionError('fs', 'a file system without promises, for a synchronous lock', promise);
}

/** Checks the shape: `instanceof` misses promises of another realm, which test runners create. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
