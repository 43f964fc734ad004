import type { LeaseRecord, LeaseRequest } from '@oslo-concurrency/lockutils';
import { EngineGrant } from '@oslo-concurrency/lockutils/drivers';
import type { Gateway } from '../gateway/gateway.js';
import { pause } from '../gateway/stop-after.js';
import { etcdRecord } from './etcd-record.js';
import { watchKey } from './key-watch.js';
import type { QueueKey } from './queue-key.js';
import { renewal } from './request-times.js';

/** The name of the driver, and the brand of its grants. */
export const engine = 'etcd';

/** A lease that is held in etcd. `withFence` takes leases with such a grant. */
export class EtcdGrant extends EngineGrant {
  readonly token: bigint;
  readonly name: string;
  /** What was asked for, in milliseconds. */
  readonly ttl: number;
  readonly validUntil: number;
  /** The key whose existence is the lease. */
  readonly key: string;
  /** @internal The cluster it is in; for `withFence`. */
  readonly gateway: Gateway;
  readonly record: LeaseRecord;
  readonly #place: QueueKey;

  /** @internal */
  constructor(gateway: Gateway, place: QueueKey, request: LeaseRequest, recordKey: string) {
    super(engine);
    this.gateway = gateway;
    this.token = place.revision;
    this.name = request.name;
    this.ttl = request.ttl;
    this.validUntil = place.validUntil;
    this.key = place.key;
    this.record = etcdRecord(gateway, recordKey, { key: place.key, token: place.revision });
    this.#place = place;
  }

  async renew(signal: AbortSignal): Promise<number | undefined> {
    const there = await this.#place.renew(renewal(this.gateway, this.ttl, signal));
    return there ? this.#place.validUntil : undefined;
  }

  protected giveUp(signal: AbortSignal): Promise<boolean> {
    return this.#place.release(signal);
  }

  /** The server may end a lease early; then the holder is to know at once and not at its next renewal. */
  protected override watchLoss(): () => void {
    const stop = new AbortController();
    void this.#watchOwnKey(stop.signal);
    return () => stop.abort();
  }

  async #watchOwnKey(signal: AbortSignal): Promise<void> {
    // A watch that broke is taken up again from where the key was last seen, so nothing in between is missed.
    while (!signal.aborted) {
      const fate = await watchKey(this.gateway, this.key, this.#place.existedAt + 1n, signal);
      if (signal.aborted) return;
      if (fate !== 'broken') return this.reportLost('gone');
      await pause(100, signal).catch(() => {});
    }
  }
}
