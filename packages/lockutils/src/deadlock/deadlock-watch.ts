import { type Clock, getLogger, realTime } from '@oslo-concurrency/core';
import { DeadlockError } from '../errors.js';
import type { Body } from '../local/wait-graph.js';
import { findProcessCycle, victimOf } from './process-cycle.js';
import { type LockUse, newWait, publishWait, type WaitRecord, withdrawWait } from './wait-record.js';

// Most waits are over before the first look, and cost nothing.
const interval = 250;

/**
 * Looks for a cycle of waits between processes while `wants` is waited for inside `body`, and calls `found` with the
 * error if this wait is the one to give way. Within a second of the wait that closed the cycle one side has been told.
 *
 * A cycle counts when two looks in a row see the same waits, so that a record read while it was withdrawn raises no
 * alarm. Whatever fails here is said in the log only: detection must never end a wait that could succeed.
 */
export function watchForDeadlock(
  name: string,
  wants: LockUse,
  body: Body,
  clock: Clock,
  found: (error: DeadlockError) => void,
): () => void {
  if (heldBy(body).length === 0) return () => {};
  const since = realTime.date();
  let published: Published | undefined;
  let last = '';
  const look = (): void => {
    cancel = clock.schedule(interval, look);
    try {
      published = publishAnew(published?.record, { name, wants, since, holds: heldBy(body) });
      const { record, at } = published;
      const cycle = findProcessCycle(record, at);
      const seen = cycle?.map(({ id }) => id).join() ?? '';
      if (cycle !== undefined && seen === last && victimOf(cycle).id === record.id) found(errorOf(cycle));
      last = seen;
    } catch (error) {
      getLogger().debug(`Cannot look for deadlocks between processes: ${(error as Error).message}`);
    }
  };
  let cancel = clock.schedule(interval, look);
  return () => {
    cancel();
    if (published !== undefined) withdrawWait(published.record);
  };
}

interface Published {
  readonly record: WaitRecord;
  /** By the clock of the file system. */
  readonly at: number;
}

/** Another record, with another id, when something was released meanwhile: the old one would accuse us of holding it. */
function publishAnew(old: WaitRecord | undefined, wait: Omit<WaitRecord, 'id' | 'owner'>): Published {
  const same = JSON.stringify(old?.holds) === JSON.stringify(wait.holds);
  if (old !== undefined && !same) withdrawWait(old);
  const record = old !== undefined && same ? old : newWait(wait);
  return { record, at: publishWait(record) };
}

function heldBy(body: Body): LockUse[] {
  const uses: LockUse[] = [];
  for (let b: Body | undefined = body; b !== undefined; b = b.parent) {
    // Released by its handle while what it started goes on: it is in nobody's way any more.
    if (b.running && b.holds !== undefined) uses.push(b.holds);
  }
  return uses;
}

function errorOf(cycle: readonly WaitRecord[]): DeadlockError {
  const names = cycle.map(({ name }) => name);
  return new DeadlockError(
    [...names, names[0] as string],
    cycle.map(({ owner }) => owner.pid),
  );
}
