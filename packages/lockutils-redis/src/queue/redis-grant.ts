import type { LeaseRecord } from '@oslo-concurrency/lockutils';
import { EngineGrant } from '@oslo-concurrency/lockutils/drivers';
import type { Granted, LeaseSteps, PlaceKey } from './lease-steps.js';

/** The name of the driver, and the brand of its grants. */
export const engine = 'redis';

/** Milliseconds for which a release is repeated while the server is away: a restart takes less, an outage more. */
const releasePatience = 1000;

/** A lease that is held in Redis. */
export class RedisGrant extends EngineGrant {
  readonly token: bigint;
  readonly validUntil: number;
  readonly name: string;
  /** What was asked for, in milliseconds. */
  readonly ttl: number;
  readonly record: LeaseRecord;
  readonly #steps: LeaseSteps;
  readonly #place: PlaceKey;
  #validUntil: number;

  /** @internal */
  constructor(steps: LeaseSteps, place: PlaceKey, granted: Granted) {
    super(engine);
    this.token = granted.token;
    this.validUntil = granted.validUntil;
    this.name = place.request.name;
    this.ttl = place.request.ttl;
    this.record = {
      read: (signal) => steps.readRecord(place, signal),
      write: (text, keep, signal) => steps.writeRecord(place, text, keep, signal),
    };
    this.#steps = steps;
    this.#place = place;
    this.#validUntil = granted.validUntil;
  }

  async renew(signal: AbortSignal): Promise<number | undefined> {
    const validUntil = await this.#steps.renew(this.#place, signal);
    if (validUntil !== undefined) this.#validUntil = validUntil;
    return validUntil;
  }

  /** Resolves to `true` if the lease was there. If only a repeated try is answered, by the clock: it cannot have ended. */
  protected async giveUp(signal: AbortSignal): Promise<boolean> {
    const was = await this.#steps.leave(this.#place, releasePatience, signal);
    return was === 'held' || (was === 'unknown' && this.#place.request.now() < this.#validUntil);
  }
}
