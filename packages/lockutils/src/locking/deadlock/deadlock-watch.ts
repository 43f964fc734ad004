import { type Clock, getLogger, realTime } from '@oslo-concurrency/core';
import { DeadlockError } from '../../errors/lock-errors.js';
import type { Body } from '../../local/wait-graph.js';
import { bodiesThatAwait } from './bodies-that-await.js';
import { findProcessCycle, victimOf } from './process-cycle.js';
import { type LockUse, newWait, publishWait, type WaitRecord, withdrawWait } from './wait-record.js';

// Most waits end before the first check and cost nothing.
const interval = 250;

/** The wait that is watched. */
export interface WatchedWait {
  readonly name: string;
  readonly wants: LockUse;
  readonly inside: Body;
  readonly clock: Clock;
}

/** The effects that {@link DeadlockWatch} can have on the wait. */
export interface WatchActions {
  /** Makes the waiting procedure continue, so that it calls {@link DeadlockWatch.look}. */
  wake(): void;
  /** Ends the wait, which is the victim of its cycle. */
  found(error: DeadlockError): void;
}

/**
 * Looks for a cycle of waits between processes while one call waits for the driver. Within a second after a wait closed
 * the cycle, one of the waits of the cycle has been ended.
 *
 * A wait publishes only the locks of bodies that were seen to await it: such a body releases nothing before the wait
 * has ended. A cycle counts only if two consecutive checks see the same waits, so that a record that was read while
 * being withdrawn raises no alarm. Failures here are only logged: the detection must never end a wait that could
 * succeed.
 */
export class DeadlockWatch {
  readonly #wait: WatchedWait;
  readonly #actions: WatchActions;
  readonly #since = realTime.date();
  #cancel: () => void;
  #due = false;
  #published: Published | undefined;
  #last = '';

  constructor(wait: WatchedWait, actions: WatchActions) {
    this.#wait = wait;
    this.#actions = actions;
    this.#cancel = this.#schedule();
  }

  /** The waiting procedure calls this right after its pauses. */
  look(): void {
    if (!this.#due) return;
    this.#due = false;
    const { name, wants, inside } = this.#wait;
    try {
      const holds = heldBy(bodiesThatAwait(inside));
      this.#published = publishAnew(this.#published?.record, { name, wants, since: this.#since, holds });
      if (holds.length > 0) this.#search(this.#published);
    } catch (error) {
      getLogger().debug(`Cannot look for deadlocks between processes: ${(error as Error).message}`);
    }
  }

  /** Ends the search, and withdraws the published record. */
  close(): void {
    this.#cancel();
    if (this.#published !== undefined) withdrawWait(this.#published.record);
  }

  #schedule(): () => void {
    return this.#wait.clock.schedule(interval, () => {
      this.#cancel = this.#schedule();
      this.#due = true;
      this.#actions.wake();
    });
  }

  #search({ record, at }: Published): void {
    const cycle = findProcessCycle(record, at);
    const seen = cycle?.map(({ id }) => id).join() ?? '';
    if (cycle !== undefined && seen === this.#last && victimOf(cycle).id === record.id) {
      this.#actions.found(errorOf(cycle));
    }
    this.#last = seen;
  }
}

interface Published {
  readonly record: WaitRecord;
  /** By the clock of the file system. */
  readonly at: number;
}

/**
 * Publishes a new record with a new id if something was released in the meantime: the old record would claim that we
 * still hold it.
 */
function publishAnew(old: WaitRecord | undefined, wait: Omit<WaitRecord, 'id' | 'owner'>): Published {
  const same = JSON.stringify(old?.holds) === JSON.stringify(wait.holds);
  if (old !== undefined && !same) withdrawWait(old);
  const record = old !== undefined && same ? old : newWait(wait);
  return { record, at: publishWait(record) };
}

/** Whether `inside`, or a body around it, holds a lock file that another process may wait for. */
export function holdsFile(inside: Body): boolean {
  for (let body: Body | undefined = inside; body !== undefined; body = body.parent) {
    if (body.running && body.holds !== undefined) return true;
  }
  return false;
}

function heldBy(bodies: readonly Body[]): LockUse[] {
  return bodies.flatMap(({ holds }) => holds ?? []);
}

function errorOf(cycle: readonly WaitRecord[]): DeadlockError {
  const names = cycle.map(({ name }) => name);
  return new DeadlockError(
    [...names, names[0] as string],
    cycle.map(({ owner }) => owner.pid),
  );
}
