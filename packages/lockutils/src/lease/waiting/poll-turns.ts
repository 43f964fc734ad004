import type { LeaseDriver } from '../../drivers/lease-driver.js';
import { unlessAborted } from '../../local/settle-once.js';

/** A call that waits for its turn to try. */
interface Waiter {
  readonly begin: () => void;
  readonly fail: (error: unknown) => void;
}

const queues = new WeakMap<LeaseDriver, Map<string, Set<Waiter>>>();

/**
 * Runs `work` when all earlier calls for `name` at this driver have been granted or have given up: of all waiters of a
 * process one polls and listens, so a release wakes one of them.
 *
 * If the work of the first one fails because of the driver, all that wait behind it reject with the same error: their
 * own try would take as long to fail, one after the other, and no call may wait for longer than an engine needs to fail.
 * An end by its own `signal` concerns one call alone.
 */
export async function inPollTurn<T>(
  driver: LeaseDriver,
  name: string,
  signal: AbortSignal,
  work: () => Promise<T>,
  behind: () => void,
): Promise<T> {
  const names = queues.get(driver) ?? new Map<string, Set<Waiter>>();
  queues.set(driver, names);
  const queue = names.get(name) ?? new Set<Waiter>();
  names.set(name, queue);
  let waiter: Waiter | undefined;
  const turn = new Promise<void>((begin, fail) => {
    waiter = { begin, fail };
  });
  queue.add(waiter as unknown as Waiter);
  const isFirst = (): boolean => queue.values().next().value === waiter;
  try {
    if (!isFirst()) {
      behind();
      await unlessAborted(turn, signal);
    }
    return await work();
  } catch (error) {
    if (isFirst() && !signal.aborted) {
      const others = [...queue].slice(1);
      for (const other of others) queue.delete(other);
      for (const other of others) other.fail(error);
    }
    throw error;
  } finally {
    const wasFirst = isFirst();
    queue.delete(waiter as unknown as Waiter);
    const next = queue.values().next().value as Waiter | undefined;
    if (next === undefined) {
      if (names.get(name) === queue) names.delete(name);
    } else if (wasFirst) next.begin();
  }
}
