import { realTime } from '@oslo-concurrency/core';
import { DeadlockError } from '../../errors/lock-errors.js';
import type { Turn, TurnQueue } from '../../local/turn-queue.js';
import {
  type Body,
  type CycleLink,
  findCycle,
  notePending,
  type PendingWait,
  stuckWaits,
} from '../../local/wait-graph.js';
import { bodiesThatAwait } from './bodies-that-await.js';

/** Facts about the wait of one call for a turn of this process. */
export interface WaitFacts {
  readonly name: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
  /** The lock file that the call asks for, if it asks for one. */
  readonly path: string | undefined;
}

const shortest = 8;
const longest = 250;

/**
 * Looks for a cycle within this process while one call waits for its turn, inside a body.
 *
 * Where the calls began only raises a suspicion: a body may have started the code that makes the call without awaiting
 * it. So the call that closes a suspected cycle asks all waits on it which bodies await them. It asks first when the
 * code that made the call has reached its awaits. A body may also await later what it started before, so it asks again
 * at growing intervals as long as the suspicion lasts. If all waits of a cycle are awaited, the wait that closed the
 * cycle is ended.
 */
export class CycleSearch implements PendingWait {
  readonly name: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
  readonly awaitedBy = new Set<Body>();
  readonly #path: string | undefined;
  readonly #inside: Body;
  readonly #wake: () => void;
  readonly #forget: () => void;
  #cancel = (): void => {};
  #interval = shortest;
  #searching = false;

  /** `wake` makes the waiting procedure continue and call {@link look}. */
  constructor({ name, queue, turn, path }: WaitFacts, inside: Body, wake: () => void) {
    this.name = name;
    this.queue = queue;
    this.turn = turn;
    this.#path = path;
    this.#inside = inside;
    this.#wake = wake;
    this.#forget = notePending(this, inside);
    if (findCycle(this, false) === undefined) return;
    // Keeps the process alive: if nothing else does, this search is what ends the wait.
    const first = realTime.setImmediate(() => this.#ask());
    this.#cancel = () => realTime.clearImmediate(first);
  }

  ask(): void {
    this.#wake();
  }

  /** The waiting procedure calls this when it was woken. @throws DeadlockError */
  look(): void {
    for (const body of bodiesThatAwait(this.#inside)) this.awaitedBy.add(body);
    if (!this.#searching) return;
    this.#searching = false;
    const cycle = findCycle(this, true);
    if (cycle !== undefined) throw this.#errorOf(cycle);
    const next = realTime.setTimeout(() => this.#ask(), this.#interval).unref();
    this.#cancel = () => realTime.clearTimeout(next);
    this.#interval = Math.min(this.#interval * 2, longest);
  }

  /** Ends the search. */
  close(): void {
    this.#cancel();
    this.#forget();
  }

  // This wait is asked last, so that it looks after the others have looked.
  #ask(): void {
    const suspects = stuckWaits(this, false);
    if (!suspects.has(this)) return;
    for (const wait of suspects) if (wait !== this) wait.ask();
    this.#searching = true;
    this.ask();
  }

  #errorOf(cycle: readonly CycleLink[]): DeadlockError {
    const names = [...cycle.map(({ name }) => name), this.name];
    const [first] = cycle;
    if (first === undefined || cycle.length > 1) return new DeadlockError(names);
    const held = (first.holder.owner as Body).holds?.path;
    return new DeadlockError(names, undefined, {
      shared: first.holder.shared && !this.turn.shared,
      otherFile: held !== undefined && held !== this.#path ? held : undefined,
    });
  }
}
