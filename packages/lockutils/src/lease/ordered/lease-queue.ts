import type { LeaseRequest } from '../../drivers/lease-driver.js';
import type { Holder } from '../../owner/holder.js';
import type { EngineGrant } from './engine-grant.js';

/** How a place stands when the engine was asked. Times are milliseconds. */
export type PlaceView<G extends EngineGrant> =
  /** The turn has come, and this is the lease. */
  | { readonly state: 'granted'; readonly grant: G }
  /** Others are before it: `holders` are for messages. `until`: by `now()`, when to look again at the latest. */
  | { readonly state: 'waiting'; readonly holders: readonly Holder[]; readonly until?: number }
  /** The place is gone: it was not kept in time, or the engine lost it. */
  | { readonly state: 'gone' };

/** What a place learns from the driver about the call that it is for. */
export interface PlaceContext {
  /** Whether the call had a place before, and lost it. Perhaps the holder's lease was lost with it. */
  readonly again: boolean;
  /** Aborts when the caller has gone. A join that has sent nothing yet may end then, with the signal's reason. */
  readonly caller: AbortSignal;
}

/**
 * A place in an engine's queue for one name. It must end by itself, after the ttl of its request at the latest, unless it
 * is kept: a waiter that dies must not hold up the others.
 *
 * Every call must settle when its `signal` aborts, even if the engine does not answer. It aborts later than an engine's own
 * limit should end the call, since only the engine's error names the endpoint: `join` and `leave` after the ttl and 1 s,
 * `look` when the place has ended.
 */
export interface QueuePlace<G extends EngineGrant> {
  /**
   * Until when the waiter sits out that the engine does not answer, by the request's `now()`: until the place has ended, or,
   * if a later look makes it again, longer.
   */
  readonly validUntil: number;
  /** Milliseconds between two looks that keep the place; a third of the ttl by default. */
  readonly keepEvery?: number;
  /** Joins the queue at its end, and reports where that is. Called once, and not broken off when the caller leaves. */
  join(signal: AbortSignal): Promise<PlaceView<G>>;
  /** Keeps the place for another while, and reports where it is now. The only step that may find that the turn has come. */
  look(signal: AbortSignal): Promise<PlaceView<G>>;
  /**
   * Resolves when another look is worth it, also for what has changed since the last look began. Rejects if the engine
   * cannot notify now; the driver then polls. Absent if it never can.
   */
  changed?(signal: AbortSignal): Promise<unknown>;
  /**
   * Leaves the queue, whether `join` was carried out or not; a later look finds the place gone. Called in the
   * background, once, and never after a grant.
   */
  leave(signal: AbortSignal): Promise<unknown>;
}

/** The queue of an engine, of which `orderedLeaseDriver` makes a driver with an order of arrival. */
export interface LeaseQueue<G extends EngineGrant> {
  /** The driver's name in messages: `etcd`. */
  readonly name: string;
  /** Whether places heed the `permits` of requests; `false` by default. */
  readonly permits?: boolean;
  /** Milliseconds between two looks where `changed` is absent or has failed; 250 by default. */
  readonly lookEvery?: number;
  /** A new place, which is not in the queue yet. Sends nothing. */
  place(request: LeaseRequest, context: PlaceContext): QueuePlace<G>;
  /**
   * One attempt in one step, which leaves no place behind. If absent, an attempt asks `isTaken`, joins and leaves. A
   * grant that arrives after `signal` aborted is released.
   */
  tryAcquire?(request: LeaseRequest, signal: AbortSignal): Promise<G | undefined>;
  /** Without `tryAcquire`: whether somebody holds the name or waits for it, so that an attempt need not join. */
  isTaken?(request: LeaseRequest, signal: AbortSignal): Promise<boolean>;
  /** The holders of the name now. For messages only. */
  holders(name: string): Promise<readonly Holder[]>;
  /** Whether a waiter may sit out this error of `look`, for as long as its place lasts. */
  isPassing(error: unknown): boolean;
  /** The error of calls after `close`. */
  closed(): Error;
  /** Disconnects. Called once, when nothing is left, or when it would take too long to remove the rest. */
  close(): Promise<void>;
}
