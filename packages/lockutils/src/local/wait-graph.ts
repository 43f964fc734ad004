import { AsyncLocalStorage, executionAsyncResource } from 'node:async_hooks';
import { processState } from '@oslo-concurrency/core';
import type { Turn, TurnQueue } from './turn-queue.js';

/**
 * One body that runs under a lock, as `lock(name, fn)` runs it. A call made inside it belongs to it, by async
 * context. For diagnosis only: no grant depends on it.
 */
export interface Body {
  readonly name: string;
  readonly parent: Body | undefined;
  /** What this body, or one inside it, waits for now; made at the first wait, as most bodies have none. */
  pending: Set<PendingWait> | undefined;
  /** Cleared when the lock of the body is released; what it started may live on and is no danger any more. */
  running: boolean;
  /** The lock file it holds, when its lock is external and not one with permits. */
  holds: { readonly path: string; readonly shared: boolean } | undefined;
}

/** A call that waits in a queue of this process. */
export interface PendingWait {
  readonly name: string;
  readonly queue: TurnQueue;
  readonly turn: Turn;
}

const bodies = processState('lockutils/bodies', 1, () => new AsyncLocalStorage<Body>());

/**
 * The body this code runs in, if its lock is still held.
 *
 * Whether a body waits for what it started cannot be known, so two cases are decided by what they mostly are: code
 * called by a timer was detached and nobody waits for it (a deadlock through it goes unseen, and a `timeout` ends it);
 * all else a body starts, it awaits. Who detaches otherwise says `deadlock: 'off'`.
 */
export function currentBody(): Body | undefined {
  let body = bodies.getStore();
  while (body !== undefined && !body.running) body = body.parent;
  return body === undefined || calledByTimer() ? undefined : body;
}

function calledByTimer(): boolean {
  const kind = (executionAsyncResource() as { constructor?: { name?: string } }).constructor?.name;
  return kind === 'Timeout' || kind === 'Immediate';
}

/** Runs `fn` as the body `body`. */
export function runBody<T, Held>(body: Body, fn: (held: Held) => T, held: Held): T {
  return bodies.run(body, fn, held);
}

/** A new body of the lock `name`, inside the current one. */
export function newBody(name: string, parent: Body | undefined): Body {
  return { name, parent, pending: undefined, running: true, holds: undefined };
}

/**
 * The names round a cycle that `wait`, made inside `body`, would close; `undefined` when there is none.
 *
 * An edge goes from a wait to every turn before it in its queue, from there to the body that took the turn, and from a
 * body to all that it waits for itself. Who is reached and is `body` or encloses it can never go on: its code waits
 * for this wait. A turn taken without a body (a bare handle) has no edge, because anybody may release it.
 */
export function findCycle(wait: PendingWait, body: Body): string[] | undefined {
  const enclosing = new Set<object>();
  for (let b: Body | undefined = body; b !== undefined; b = b.parent) enclosing.add(b);
  const seen = new Set<Body>();
  const search = (at: PendingWait, path: readonly string[]): string[] | undefined => {
    for (const turn of at.queue.turns()) {
      if (turn === at.turn) break;
      const owner = turn.owner as Body | undefined;
      if (owner === undefined || !owner.running || seen.has(owner)) continue;
      if (enclosing.has(owner)) return [...path, at.name];
      seen.add(owner);
      for (const next of owner.pending ?? []) {
        const found = search(next, [...path, at.name]);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  const names = search(wait, []);
  return names === undefined ? undefined : [...names, names[0] as string];
}

/** Notes that `wait` goes on for `body` and all that enclose it; the returned function takes it back. */
export function notePending(wait: PendingWait, body: Body): () => void {
  for (let b: Body | undefined = body; b !== undefined; b = b.parent) {
    b.pending ??= new Set();
    b.pending.add(wait);
  }
  return () => {
    for (let b: Body | undefined = body; b !== undefined; b = b.parent) b.pending?.delete(wait);
  };
}
