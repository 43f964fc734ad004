import type { Clock } from '@oslo-concurrency/core';
import { nothing } from '../steps.js';

/**
 * Settles once: as `answer` does, or by rejecting as soon as the code that `begin` started calls `end`. An answer that
 * arrives after the end goes to `late`; an error that arrives then is ignored. `begin` returns a function that stops
 * its code; that function is called in every case.
 */
export function settleOnce<T>(
  answer: PromiseLike<T>,
  begin: (end: (error: unknown) => void) => () => void,
  late: (value: T) => unknown,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let open = true;
    let stop = nothing;
    const settle = (action: () => void): void => {
      if (!open) return;
      open = false;
      stop();
      action();
    };
    answer.then(
      (value) => (open ? settle(() => resolve(value)) : late(value)),
      (error) => settle(() => reject(error)),
    );
    stop = begin((error) => settle(() => reject(error)));
    // `begin` may already have called `end`.
    if (!open) stop();
  });
}

/** {@link settleOnce}, ended when `signal` aborts, with its reason. */
export function unlessAborted<T>(
  answer: PromiseLike<T>,
  signal: AbortSignal,
  late: (value: T) => unknown = nothing,
): Promise<T> {
  const begin = (end: (error: unknown) => void): (() => void) => {
    if (!signal.aborted) return onAbort(signal, () => end(signal.reason));
    end(signal.reason);
    return nothing;
  };
  return settleOnce(answer, begin, late);
}

/**
 * {@link settleOnce} for the answer to `ask`, ended after `limit` ms by `clock`, with the error that `unanswered` makes.
 * The signal that `ask` receives aborts with the same error.
 */
export function answeredWithin<T>(
  ask: (overdue: AbortSignal) => PromiseLike<T>,
  limit: number,
  clock: Pick<Clock, 'schedule'>,
  unanswered: () => unknown,
  late: (value: T) => unknown = nothing,
): Promise<T> {
  const overdue = new AbortController();
  const begin = (end: (error: unknown) => void): (() => void) =>
    clock.schedule(limit, () => {
      const error = unanswered();
      overdue.abort(error);
      end(error);
    });
  return settleOnce(ask(overdue.signal), begin, late);
}

const actionsOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `action` when `signal` aborts. Returns a function that stops this.
 *
 * However many calls wait with one signal, there is only one listener on it. Otherwise a service that passes its
 * shutdown signal to every call would get a leak warning at the eleventh call.
 */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  const actions = actionsOf.get(signal) ?? listen(signal);
  actions.add(action);
  return () => actions.delete(action);
}

function listen(signal: AbortSignal): Set<() => void> {
  const actions = new Set<() => void>();
  actionsOf.set(signal, actions);
  const abort = (): void => {
    // One action may end the wait of another one: as with listeners, an action that was removed in the meantime is not
    // called.
    for (const action of [...actions]) if (actions.has(action)) action();
  };
  signal.addEventListener('abort', abort, { once: true });
  return actions;
}
