import { InvalidOptionError } from '@oslo-concurrency/core';

/**
 * A procedure written once and run either way: with promises by {@link perform}, or in one go by {@link runSync}. Each
 * call is yielded, as its value or as a promise of it, and comes back as the value; a test can stop between any two.
 */
export type Steps<T> = Generator<unknown, T, unknown>;

/** A step that may be cut short; `giveBack` takes the answer that comes when nobody waits for it any more. */
export class Cuttable {
  readonly value: unknown;
  readonly giveBack: (late: never) => unknown;

  constructor(value: unknown, giveBack: (late: never) => unknown) {
    this.value = value;
    this.giveBack = giveBack;
  }
}

/** For a step that leaves nothing to give back. */
export const nothing = (): void => {};

/** One step: `const names = yield* step(fs.readdir(path))`. */
export function* step<T>(value: T | PromiseLike<T>, giveBack?: (late: T) => unknown): Steps<T> {
  return (yield giveBack === undefined ? value : new Cuttable(value, giveBack)) as T;
}

/** Cuts a step short, by rejecting, when what it is part of has to end. */
export type Race = (step: Cuttable) => PromiseLike<unknown>;

/** Runs the steps: at once as far as that goes, the rest later. */
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

/** The same, always as a promise. */
export async function run<T>(steps: Steps<T>): Promise<T> {
  return perform(steps);
}

/** Runs the steps in one go. Throws `refusal()` where one has to be waited for, and gives back what comes of that one. */
export function runSync<T>(steps: Steps<T>, refusal: (pending: unknown) => Error = promisesRefused): T {
  let next = steps.next();
  while (next.done !== true) {
    const value = valueIn(next.value);
    if (isThenable(value)) {
      value
        .then(next.value instanceof Cuttable ? (next.value.giveBack as (late: unknown) => unknown) : nothing)
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
  return new InvalidOptionError('fs', 'a file system without promises, for locking at once', promise);
}

/** By shape: `instanceof` misses promises of another realm, as test runners have. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
