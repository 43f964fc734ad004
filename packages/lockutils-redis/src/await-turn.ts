import type { LeaseRequest } from '@oslo-concurrency/lockutils';
import { pause } from './client/pause.js';
import type { LeaseSteps, Look, Place } from './lease-steps.js';
import { RedisEndpointError } from './redis-errors.js';
import type { WakeCalls } from './wake-calls.js';

/** A look that was granted. */
export type Granted = Extract<Look, { readonly token: bigint }>;

/** What a wait needs of its driver. */
export interface WaitingRoom {
  readonly steps: LeaseSteps;
  readonly calls: WakeCalls;
  /** Milliseconds between two looks of the first waiter that no call triggered. */
  readonly pollEvery: number;
  /** Called if a look is answered that nobody waits for any more. */
  readonly onLate: (place: Place) => void;
}

/**
 * Waits until `place` is granted. It looks when it is called, in time to keep its place, and, as the first waiter, every
 * `pollEvery` and when the holder's lease ends: a holder that died calls nobody, and a call may be lost.
 *
 * It sits an outage out for as long as the place cannot have ended; then it throws the outage's error.
 */
export async function awaitTurn(room: WaitingRoom, place: Place, signal: AbortSignal): Promise<Granted> {
  const { request } = place;
  const bell = new Bell();
  let stop = (): void => {};
  let placeEnds = Number.NEGATIVE_INFINITY;
  try {
    for (;;) {
      bell.reset();
      const since = request.now();
      let wait = 50;
      try {
        const look = await room.steps.look(place, true, signal, () => room.onLate(place));
        if (look.token !== undefined) return look;
        // From the first refusal on: a lease that is free costs no subscription.
        if (placeEnds === Number.NEGATIVE_INFINITY) stop = room.calls.listen(place.id, () => bell.ring());
        placeEnds = since + request.ttl;
        request.waiting(look.holders);
        wait = untilNextLook(look, request, room.pollEvery);
      } catch (error) {
        signal.throwIfAborted();
        const passes = error instanceof RedisEndpointError && error.passing;
        if (!passes || request.now() >= placeEnds) throw error;
      }
      await bell.heard(wait, signal);
    }
  } finally {
    stop();
  }
}

function untilNextLook(look: Exclude<Look, Granted>, { ttl }: LeaseRequest, pollEvery: number): number {
  const keepEvery = ttl / 3;
  if (look.stands === 'queued') return keepEvery;
  // A millisecond later the server's clock has passed the end.
  const end = Math.max(1, look.rest + 1);
  return Math.min(keepEvery, end, look.stands === 'first' ? pollEvery : end);
}

/** Remembers that it rang, so that a call that comes during a look is not lost. */
class Bell {
  #rung = false;
  #stop: AbortController | undefined;

  reset(): void {
    this.#rung = false;
  }

  ring(): void {
    this.#rung = true;
    this.#stop?.abort();
  }

  /** Resolves when it has rung since the last reset, after `ms` at the latest. */
  async heard(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#rung) return;
    const stop = new AbortController();
    this.#stop = stop;
    const onAbort = (): void => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    await pause(ms, stop.signal).catch(() => {});
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
  }
}
