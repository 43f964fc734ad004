import { AsyncLocalStorage } from 'node:async_hooks';
import { processState } from '@oslo-concurrency/core';
import { isThenable } from '../steps.js';
import type { Turn, TurnQueue } from './turn-queue.js';

/**
 * One body that runs under a lock, as `lock(name, fn)` runs it. A call made inside it belongs to it, by async context.
 * For diagnosis only: no grant depends on it.
 */
export interface Body {
  readonly name: string;
  readonly parent: Body | undefined;
  /** The waits that began inside this body, at any depth. Created at the first wait, because most bodies have none. */
  pending: Set<PendingWait> | undefined;
  /**
   * Cleared when the lock of the body is released. Code that the body started may live on, but it blocks no other
   * caller any more.
   */
  running: boolean;
  /** The lock file that the body holds, if its lock is external and not one with permits. */
  holds: { readonly path: string; readonly shared: boolean } | undefined;
  /** The function, unique to this body, that awaits the promise which the user's function returned. */
  settling: (() => Promise<unknown>) | undefined;
  /**
   * The body holds one lock of an `acquireAll` that waits for another one. That wait is the only call made inside it.
   */
  acquiring: boolean;
}

/** A call that waits in a queue of this process. */
export interface PendingWait {
  readonly name: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
  /** The bodies that were seen to await this call. None of them continues before the wait has ended. */
  readonly awaitedBy: ReadonlySet<Body>;
  /** Asks the call to check again which bodies await it. It has done so some microtasks later. */
  ask(): void;
}

const bodies = processState('lockutils/bodies', 2, () => new AsyncLocalStorage<Body>());

/**
 * The innermost body whose code began this call and whose lock is still held. That body need not await the call: it may
 * have started a timer, a server or a loop that made it. `bodiesThatAwait` decides that.
 */
export function currentBody(): Body | undefined {
  let body = bodies.getStore();
  while (body !== undefined && !body.running) body = body.parent;
  return body;
}

/**
 * Runs `fn` inside the body `body`. If `fn` returns no promise, the body stays the current one, and the caller releases its
 * lock before other code runs: from then on {@link currentBody} passes over it, to the body around it. If the release
 * takes time, the caller calls {@link leaveBody}.
 *
 * From Node 24 on, each change of the context copies a map. This way a body without a promise costs one change, not two.
 */
export function runBody<T, Held>(body: Body, fn: (held: Held) => T, held: Held): T {
  const around = bodies.getStore();
  bodies.enterWith(body);
  let stays = false;
  try {
    const value = fn(held);
    stays = !isThenable(value);
    return value;
  } finally {
    if (!stays) bodies.enterWith(around as Body);
  }
}

/** Makes the body around `body` the current one again. */
export function leaveBody({ parent }: Body): void {
  bodies.enterWith(parent as Body);
}

/** A new body of the lock `name`, inside the current one. */
export function newBody(name: string, parent: Body | undefined, acquiring = false): Body {
  return { name, parent, pending: undefined, running: true, holds: undefined, settling: undefined, acquiring };
}

/** One wait of a cycle: a wait for the lock `name`, which `holder` prevents. */
export interface CycleLink {
  readonly name: string;
  readonly holder: Turn;
}

/**
 * The waits of a cycle that `wait` is part of, beginning with it; `undefined` if there is none. `awaited` as with
 * {@link stuckWaits}.
 */
export function findCycle(wait: PendingWait, awaited: boolean): readonly CycleLink[] | undefined {
  const stuck = stuckWaits(wait, awaited);
  if (!stuck.has(wait)) return undefined;
  const isStuck = (turn: Turn): boolean => waitsOf(turn, awaited).some((next) => stuck.has(next));
  const seen = new Set<PendingWait>();
  const search = (at: PendingWait, path: readonly CycleLink[]): readonly CycleLink[] | undefined => {
    for (const holder of stuckHolders(at.queue, at.turn, isStuck)) {
      const way = [...path, { name: at.name, holder }];
      for (const next of waitsOf(holder, awaited)) {
        if (next === wait) return way;
        if (seen.has(next) || !stuck.has(next)) continue;
        seen.add(next);
        const found = search(next, way);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  return search(wait, []);
}

/**
 * The stuck waits among `wait` and the waits it may depend on. With `awaited`, a body counts as waiting for the calls
 * that it was seen to await; without, for all calls that began inside it.
 *
 * A wait is stuck if it could not be granted even after every turn that is not stuck had left its queue. A holder is
 * stuck if its body waits for a stuck wait. The search first assumes that all are stuck. Then it removes those that
 * could be granted, until none can be removed. Each remaining wait could be freed only by another remaining one. With
 * permits, several holders have to be stuck to keep a turn out. A bare handle is never stuck: any code may release it.
 */
export function stuckWaits(wait: PendingWait, awaited: boolean): ReadonlySet<PendingWait> {
  const stuck = reachable(wait, awaited);
  const isStuck = (turn: Turn): boolean => waitsOf(turn, awaited).some((next) => stuck.has(next));
  for (let before = Number.POSITIVE_INFINITY; stuck.size < before; ) {
    before = stuck.size;
    for (const at of stuck) if (stuckHolders(at.queue, at.turn, isStuck).length === 0) stuck.delete(at);
  }
  return stuck;
}

function waitsOf({ owner }: Turn, awaited: boolean): readonly PendingWait[] {
  const body = owner as Body | undefined;
  if (body?.pending === undefined) return [];
  return awaited ? [...body.pending].filter(({ awaitedBy }) => awaitedBy.has(body)) : [...body.pending];
}

/** The waits on which `wait` may depend, including itself. */
function reachable(wait: PendingWait, awaited: boolean): Set<PendingWait> {
  const found = new Set([wait]);
  // Iterating over a set also visits the entries that are added during the iteration.
  for (const { queue } of found) {
    for (const turn of queue.turns()) for (const next of waitsOf(turn, awaited)) found.add(next);
  }
  return found;
}

/**
 * The stuck holders that keep `turn` from being granted; none if it could be granted after all others have left. A
 * waiter ahead that cannot be granted also keeps out every turn behind it.
 */
function stuckHolders(queue: TurnQueue, turn: Turn, isStuck: (turn: Turn) => boolean): readonly Turn[] {
  const stuck: Turn[] = [];
  for (const at of queue.turns()) {
    if (at.state === 'held') {
      if (isStuck(at)) stuck.push(at);
      continue;
    }
    if (stuck.length === 0) return stuck;
    const against = excluding(at, stuck);
    if (at === turn || against.length > 0) return against;
  }
  return [];
}

/** The ones of `holders` that `turn` cannot hold together with; none if it is compatible with all of them. */
function excluding({ shared, permits }: Turn, holders: readonly Turn[]): readonly Turn[] {
  if (!shared && permits === undefined) return holders;
  const exclusive = holders.filter((holder) => !holder.shared && holder.permits === undefined);
  if (permits === undefined || exclusive.length > 0) return exclusive;
  const counted = holders.filter((holder) => holder.permits !== undefined);
  return counted.length >= permits ? counted : [];
}

/** Records that `wait` began inside `body` and the bodies around it. The returned function removes the record. */
export function notePending(wait: PendingWait, body: Body): () => void {
  for (let b: Body | undefined = body; b !== undefined; b = b.parent) {
    b.pending ??= new Set();
    b.pending.add(wait);
  }
  return () => {
    for (let b: Body | undefined = body; b !== undefined; b = b.parent) b.pending?.delete(wait);
  };
}
