import { getLogger, nodeCrypto, realTime } from '@oslo-concurrency/core';
import type { Holder, LeaseRequest } from '@oslo-concurrency/lockutils';
import type { Lane, StepLimits } from '../client/lane.js';
import { pause } from '../client/pause.js';
import { RedisEndpointError } from '../redis-errors.js';
import { acquireScript } from '../scripts/acquire.js';
import { evictionScript } from '../scripts/eviction.js';
import { holdersScript } from '../scripts/holders.js';
import { leaveScript } from '../scripts/leave.js';
import { readRecordScript, writeRecordScript } from '../scripts/record.js';
import { renewScript } from '../scripts/renew.js';
import { channelPrefix, type LeaseKeys, leaseKeys } from './lease-keys.js';
import { holderOf, ownerValue } from './owner-value.js';

/** For how long the last token of a name is kept at least: longer than clocks are set back by mistake. Milliseconds. */
const tokenMemory = 24 * 60 * 60 * 1000;

/**
 * How long a place in the queue lasts unless it is kept, for a ttl. Milliseconds. A waiter that dies holds up the others
 * for as long; one that stands still for longer loses its place, but nothing else. So it need not be as long as a lease.
 */
export const placeTerm = (ttl: number): number => Math.min(ttl, 10_000);

/** The caller: one id for one call of `lease`, and what it asks for. */
export interface PlaceKey {
  readonly id: string;
  readonly request: LeaseRequest;
  readonly keys: LeaseKeys;
  readonly owner: string;
  /** Whether the server may know of it. */
  known: boolean;
}

/** The answer to a look that the server granted. */
export interface Granted {
  readonly token: bigint;
  readonly validUntil: number;
}

/** The answer to a look: granted, or what the caller waits for. */
export type Look =
  | Granted
  | {
      readonly token?: undefined;
      /** Whether it is the first of the queue, which polls. */
      readonly isFirst: boolean;
      /** Milliseconds until a holder's lease ends, for the first; else until the place right before it ends. */
      readonly rest: number;
      readonly holders: readonly Holder[];
    };

/** The steps of a lease, as one driver takes them. */
export class LeaseSteps {
  /** Names this driver in ids and in the channel on which its waiters are called. */
  readonly driverId = nodeCrypto().randomBytes(8).toString('hex');
  readonly #lane: Lane;
  readonly #prefix: string;
  readonly #requestTimeout: number;
  #places = 0;
  #askedForEviction = false;

  constructor(lane: Lane, prefix: string, requestTimeout: number) {
    this.#lane = lane;
    this.#prefix = prefix;
    this.#requestTimeout = requestTimeout;
  }

  /** The channel on which the waiters of this driver are called. */
  get channel(): string {
    return `${channelPrefix(this.#prefix)}${this.driverId}`;
  }

  place(request: LeaseRequest): PlaceKey {
    const id = `${this.driverId}-${++this.#places}`;
    return { id, request, keys: leaseKeys(this.#prefix, request.name), owner: ownerValue(request.label), known: false };
  }

  /** Asks for the lease. `queue`: joins the queue, or keeps the place in it, if it is not free. */
  async look(place: PlaceKey, queue: boolean, signal: AbortSignal | undefined, onLate: () => void): Promise<Look> {
    const { ttl, permits } = place.request;
    // The server counts the ttl from a later moment.
    const since = place.request.now();
    const memory = Math.ceil(Math.max(tokenMemory, 2 * ttl));
    const stay = micros(placeTerm(ttl));
    const args = [micros(ttl), String(permits), queue ? '1' : '0', place.owner, String(memory), stay];
    const limits = { timeout: Math.min(this.#requestTimeout, ttl + 1000), signal, onLate };
    const before = place.known;
    place.known = true;
    const answer = await this.#run(acquireScript, place, args, limits).catch((error: unknown) => {
      if (error instanceof RedisEndpointError && !error.maybeApplied) place.known = before;
      throw error;
    });
    void this.#warnOfEviction(place);
    const [what, detail, stands, ...holders] = answer;
    if (what === 'granted') return { token: BigInt(detail as string), validUntil: since + ttl };
    return { isFirst: stands === 'first', rest: Number(detail), holders: holders.map(holderOf) };
  }

  /**
   * Warns once if the server evicts keys when its memory is full: all keys of a lease end by themselves, so every policy
   * but `noeviction` may remove them. A user that may not ask is not warned.
   */
  async #warnOfEviction({ keys }: PlaceKey): Promise<void> {
    if (this.#askedForEviction) return;
    this.#askedForEviction = true;
    const step = { script: evictionScript, keys, args: [channelPrefix(this.#prefix), ''] };
    const [policy] = await this.#lane.run(step, { timeout: this.#requestTimeout }).catch(() => []);
    if (policy === undefined) return;
    getLogger().warn(
      `redis at ${this.#lane.endpoint} evicts keys when its memory is full (maxmemory-policy ${policy}); an evicted lease lets a ` +
        'second holder in: set maxmemory-policy to noeviction, or keep leases in a server of their own',
    );
  }

  /** Asks for the whole ttl again. Resolves to the new end, or to `undefined` if the lease is gone. */
  async renew(place: PlaceKey, signal: AbortSignal): Promise<number | undefined> {
    const { ttl } = place.request;
    const since = place.request.now();
    // A third of the ttl is over and the last tenth does not count: a try on another connection still fits after this one.
    const timeout = Math.min(this.#requestTimeout, Math.max(200, ttl * 0.4));
    const [what] = await this.#run(renewScript, place, [micros(ttl)], { timeout, signal });
    return what === 'renewed' ? since + ttl : undefined;
  }

  /**
   * Releases the lease or leaves the queue. Resolves to what the place was; to `unknown` if it was gone when an earlier
   * try may have done it. A server that is away is asked again for `patience` ms.
   */
  async leave(
    place: PlaceKey,
    patience: number,
    signal?: AbortSignal,
  ): Promise<'held' | 'queued' | 'gone' | 'unknown'> {
    const until = realTime.now() + patience;
    for (let unsure = false; ; ) {
      const timeout = Math.max(1, Math.min(this.#requestTimeout, place.request.ttl + 1000));
      try {
        const [what] = await this.#run(leaveScript, place, [], { timeout, signal, once: true });
        return what === 'gone' && unsure ? 'unknown' : (what as 'held' | 'queued' | 'gone');
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof RedisEndpointError) || !error.passing || realTime.now() + 50 >= until) throw error;
        unsure ||= error.maybeApplied;
        await pause(50, signal);
      }
    }
  }

  /** The text that is kept with the name of `place`. */
  async readRecord(place: PlaceKey, signal: AbortSignal): Promise<string | undefined> {
    const [text] = await this.#run(readRecordScript, place, [], { timeout: this.#requestTimeout, signal });
    return text;
  }

  /** Keeps a text with the name for `keep` ms, if `place` holds the lease; resolves to whether it does. */
  async writeRecord(place: PlaceKey, text: string, keep: number, signal: AbortSignal): Promise<boolean> {
    const args = [text, String(Math.max(1, Math.ceil(keep)))];
    const [what] = await this.#run(writeRecordScript, place, args, { timeout: this.#requestTimeout, signal });
    return what === 'written';
  }

  /** The processes that hold `name` now. */
  async holders(name: string): Promise<readonly Holder[]> {
    const keys = leaseKeys(this.#prefix, name);
    const step = { script: holdersScript, keys, args: [channelPrefix(this.#prefix), ''] };
    return (await this.#lane.run(step, { timeout: this.#requestTimeout })).map(holderOf);
  }

  #run(script: typeof acquireScript, { id, keys }: PlaceKey, args: readonly string[], limits: StepLimits) {
    return this.#lane.run({ script, keys, args: [channelPrefix(this.#prefix), id, ...args] }, limits);
  }
}

function micros(ttl: number): string {
  return String(Math.ceil(ttl * 1000));
}
