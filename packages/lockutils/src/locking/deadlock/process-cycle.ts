import { dirname } from 'node:path';
import { readWaits, type WaitRecord } from './wait-record.js';

/**
 * The waits along a cycle through `own`, from it back to it; `undefined` if there is none.
 *
 * Only waits without timeout and signal are published, each with the locks that its body cannot release before the wait
 * is over. So every wait on such a cycle lasts forever, unless a body does not await a call that it started (then use
 * `deadlock: 'off'`). `now` is the time for {@link readWaits}.
 */
export function findProcessCycle(own: WaitRecord, now: number): WaitRecord[] | undefined {
  const seen = new Set<string>();
  const search = (at: WaitRecord, path: readonly WaitRecord[]): WaitRecord[] | undefined => {
    for (const next of readWaits(dirname(at.wants.path), now)) {
      if (!blocks(next, at)) continue;
      if (next.id === own.id) return [...path, at];
      if (seen.has(next.id)) continue;
      seen.add(next.id);
      const found = search(next, [...path, at]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return search(own, []);
}

function blocks(holder: WaitRecord, waiter: WaitRecord): boolean {
  return holder.holds.some((held) => held.path === waiter.wants.path && !(held.shared && waiter.wants.shared));
}

/** The victim of a cycle: the wait that began last. All processes that see the cycle choose the same one. */
export function victimOf(cycle: readonly WaitRecord[]): WaitRecord {
  return cycle.reduce((last, wait) =>
    wait.since > last.since || (wait.since === last.since && wait.id > last.id) ? wait : last,
  );
}
