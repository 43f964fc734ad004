import type { LeaseGrant } from '@oslo-concurrency/lockutils';
import type { Granted } from './await-turn.js';
import type { LeaseSteps, Place } from './lease-steps.js';

/** Milliseconds for which a release is repeated while the server is away: a restart takes less, an outage more. */
const releasePatience = 1000;

/** A lease that is held in Redis. */
export class RedisGrant implements LeaseGrant {
  readonly token: bigint;
  readonly validUntil: number;
  readonly name: string;
  /** What was asked for, in milliseconds. */
  readonly ttl: number;

  readonly #steps: LeaseSteps;
  readonly #place: Place;
  readonly #forget: () => void;
  readonly #reports = new Set<(reason: 'gone' | 'closed') => void>();
  #validUntil: number;

  constructor(steps: LeaseSteps, place: Place, granted: Granted, forget: () => void) {
    this.token = granted.token;
    this.validUntil = granted.validUntil;
    this.name = place.request.name;
    this.ttl = place.request.ttl;
    this.#steps = steps;
    this.#place = place;
    this.#forget = forget;
    this.#validUntil = granted.validUntil;
  }

  async renew(signal: AbortSignal): Promise<number | undefined> {
    const validUntil = await this.#steps.renew(this.#place, signal);
    if (validUntil !== undefined) this.#validUntil = validUntil;
    return validUntil;
  }

  /** Resolves to `true` if the lease was there. If only a repeated try is answered, by the clock: it cannot have ended. */
  async release(signal?: AbortSignal): Promise<boolean> {
    try {
      const was = await this.#steps.leave(this.#place, releasePatience, signal);
      return was === 'held' || (was === 'unknown' && this.#place.request.now() < this.#validUntil);
    } finally {
      this.#forget();
    }
  }

  onLost(report: (reason: 'gone' | 'closed') => void): () => void {
    this.#reports.add(report);
    return () => this.#reports.delete(report);
  }

  /** Reports to the holder that the lease is released because the driver was closed. */
  reportClosed(): void {
    for (const report of [...this.#reports]) report('closed');
  }
}
