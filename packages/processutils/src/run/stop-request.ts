import { systemClock } from '@oslo-concurrency/core';
import { listenShared } from '../system/shared-listener.js';

/** Why a command is to be ended. */
export type StopReason =
  | { readonly why: 'timeout' }
  | { readonly why: 'abort'; readonly reason: unknown }
  | { readonly why: 'failure'; readonly error: unknown };

/** Waits for the first reason to end a command. */
export class StopRequest {
  /** Resolves at the first reason, or never. */
  readonly requested: Promise<StopReason>;
  #resolve: (reason: StopReason) => void = () => {};
  #reason: StopReason | undefined;
  #cancelTimer: () => void = () => {};
  #stopListening: () => void = () => {};
  readonly #signal: AbortSignal | undefined;

  constructor(timeout: number, signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.requested = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (timeout !== Number.POSITIVE_INFINITY) {
      this.#cancelTimer = systemClock.schedule(timeout, () => this.request({ why: 'timeout' }));
    }
    if (signal === undefined) return;
    this.#stopListening = listenShared(signal, 'abort', this.#onAbort, (listener) => {
      const onAbort = (): void => listener();
      signal.addEventListener('abort', onAbort);
      return () => signal.removeEventListener('abort', onAbort);
    });
    if (signal.aborted) this.#onAbort();
  }

  /** The first reason, when there was one. */
  get reason(): StopReason | undefined {
    return this.#reason;
  }

  request(reason: StopReason): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#resolve(reason);
  }

  /** Stops waiting for timeout and abort. */
  dispose(): void {
    this.#cancelTimer();
    this.#stopListening();
  }

  readonly #onAbort = (): void => this.request({ why: 'abort', reason: this.#signal?.reason });
}
