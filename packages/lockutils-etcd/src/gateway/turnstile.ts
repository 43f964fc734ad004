import { EtcdBusyError } from '../etcd-errors.js';
import { stopAfter } from './stop-after.js';

/** What a piece of work is for: to keep what is held, or to ask for more. */
export type Purpose = 'keep' | 'join';

/**
 * Limits how much work of this process is under way at the cluster at once. The rest begins in the order of arrival,
 * and work that keeps a lease begins before work that asks for a new one.
 *
 * Why a limit: with hundreds of requests at once each answer comes late. Leases are then granted with little of their term
 * left, and may not be renewed in time. Work that waits here was not sent, so no term runs for it.
 *
 * Why renewals go first, and new leases get half of the places: a lease that is not granted yet loses nothing by
 * waiting, a lease that is not renewed is lost. New leases can never hold the places that a renewal needs.
 */
export class Turnstile {
  readonly #most: number;
  readonly #underWay = { keep: 0, join: 0 };
  readonly #waiting = { keep: new Set<() => void>(), join: new Set<() => void>() };

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `work` when it may begin. Work that keeps a lease begins after `patience` milliseconds in any case: those
   * before it may be waiting for a mute member, with more of their terms left.
   *
   * @throws EtcdBusyError if work that joins could not begin within `patience` milliseconds; the reason of `signal` if that aborted
   * before. Then `work` does not run.
   */
  async pass<T>(
    purpose: Purpose,
    work: () => Promise<T>,
    { signal, patience }: { readonly signal?: AbortSignal | undefined; readonly patience?: number | undefined } = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    if (this.#mayBegin(purpose) && this.#waiting[purpose].size === 0) this.#underWay[purpose]++;
    else await this.#turn(purpose, signal, patience);
    try {
      return await work();
    } finally {
      this.#underWay[purpose]--;
      this.#admit();
    }
  }

  #mayBegin(purpose: Purpose): boolean {
    const { keep, join } = this.#underWay;
    if (purpose === 'keep') return keep < this.#most;
    // A renewal waits only when all places are taken by renewals, and then this is false.
    return keep + join < this.#most / 2;
  }

  #turn(purpose: Purpose, signal: AbortSignal | undefined, patience: number | undefined): Promise<void> {
    const stop = patience === undefined ? undefined : stopAfter(patience, signal);
    const ending = stop?.signal ?? signal;
    const waiting = this.#waiting[purpose];
    return new Promise<void>((resolve, reject) => {
      const go = (): void => {
        settled();
        this.#underWay[purpose]++;
        resolve();
      };
      const onAbort = (): void => {
        settled();
        if (!stop?.timedOut()) reject(signal?.reason);
        else if (purpose === 'keep') go();
        else reject(new EtcdBusyError(waiting.size, patience ?? 0));
      };
      const settled = (): void => {
        waiting.delete(go);
        ending?.removeEventListener('abort', onAbort);
        stop?.done();
      };
      waiting.add(go);
      ending?.addEventListener('abort', onAbort, { once: true });
    });
  }

  #admit(): void {
    for (const purpose of ['keep', 'join'] as const) {
      for (const go of this.#waiting[purpose]) {
        if (!this.#mayBegin(purpose)) break;
        go();
      }
    }
  }
}
