import type { PlaceView, QueuePlace } from '@oslo-concurrency/lockutils/drivers';
import { type LeaseSteps, type PlaceKey, placeTerm } from './lease-steps.js';
import { RedisGrant } from './redis-grant.js';
import type { WakeCalls } from './wake-calls.js';

/** What a place needs of its driver. */
export interface WaitingRoom {
  readonly steps: LeaseSteps;
  readonly calls: WakeCalls;
  /** Milliseconds between two looks of the first waiter that no call triggered. */
  readonly pollEvery: number;
  /** Called if a step is answered that nobody waits for any more: what it made is to be removed. */
  readonly onLate: (place: PlaceKey) => void;
}

/**
 * One call's place in the queue of Redis. It looks when it is called, in time to keep its place, and when the place right
 * before it ends, since a waiter that died is called in vain. As the first waiter it looks every `pollEvery` and when the
 * holder's lease ends: a holder that died calls nobody, and a call may be lost.
 *
 * A join and a look are the same step. A place that was lost is joined again at the end by the same step, so it is
 * never `gone`.
 */
export class RedisPlace implements QueuePlace<RedisGrant> {
  readonly #room: WaitingRoom;
  readonly #place: PlaceKey;
  #validUntil = Number.NEGATIVE_INFINITY;
  /** Absent until the first refusal: a lease that is free costs no subscription. */
  #stopListening: (() => void) | undefined;
  /** Whether it was called since the last look began. */
  #called = false;
  #wake: (() => void) | undefined;

  constructor(room: WaitingRoom, place: PlaceKey) {
    this.#room = room;
    this.#place = place;
  }

  get validUntil(): number {
    return this.#validUntil;
  }

  get keepEvery(): number {
    return placeTerm(this.#place.request.ttl) / 3;
  }

  join(signal: AbortSignal): Promise<PlaceView<RedisGrant>> {
    return this.look(signal);
  }

  async look(signal: AbortSignal): Promise<PlaceView<RedisGrant>> {
    const { steps, calls, pollEvery, onLate } = this.#room;
    const { request, id } = this.#place;
    this.#called = false;
    const since = request.now();
    const look = await steps.look(this.#place, true, signal, () => onLate(this.#place));
    if (look.token !== undefined) {
      this.#stop();
      return { state: 'granted', grant: new RedisGrant(steps, this.#place, look) };
    }
    this.#validUntil = since + request.ttl;
    this.#stopListening ??= calls.listen(id, () => this.#call());
    // A millisecond later the server's clock has passed the end.
    const until = request.now() + Math.min(look.rest + 1, look.isFirst ? pollEvery : Number.POSITIVE_INFINITY);
    return { state: 'waiting', holders: look.holders, until };
  }

  changed(signal: AbortSignal): Promise<unknown> {
    return new Promise<void>((resolve, reject) => {
      if (this.#called) return resolve();
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wake = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }

  async leave(signal: AbortSignal): Promise<unknown> {
    this.#stop();
    if (!this.#place.known) return undefined;
    return this.#room.steps.leave(this.#place, this.#place.request.ttl, signal);
  }

  #call(): void {
    this.#called = true;
    this.#wake?.();
    this.#wake = undefined;
  }

  #stop(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }
}
