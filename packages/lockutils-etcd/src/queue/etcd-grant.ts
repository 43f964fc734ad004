import type { LeaseGrant, LeaseRequest } from '@oslo-concurrency/lockutils';
import type { Gateway } from '../gateway/gateway.js';
import { pause } from '../gateway/stop-after.js';
import { renewal } from './await-turn.js';
import { watchKey } from './key-watch.js';
import type { QueueKey } from './queue-key.js';

/** What the driver reports to a holder. */
type LossReport = 'gone' | 'closed';

const brand = Symbol.for('@oslo-concurrency/etcd-grant@1');

/** A lease that is held in etcd. */
export class EtcdGrant implements LeaseGrant {
  readonly token: bigint;
  readonly name: string;
  /** What was asked for, in milliseconds. */
  readonly ttl: number;
  readonly validUntil: number;
  /** The key whose existence is the lease. */
  readonly key: string;
  /** The cluster it is in; for `withFence`. */
  readonly gateway: Gateway;

  readonly #place: QueueKey;
  readonly #request: LeaseRequest;
  readonly #forget: () => void;
  readonly #stop = new AbortController();
  readonly #reports = new Set<(reason: LossReport) => void>();

  constructor(gateway: Gateway, place: QueueKey, request: LeaseRequest, forget: () => void) {
    Object.defineProperty(this, brand, { value: true });
    this.gateway = gateway;
    this.token = place.revision;
    this.name = request.name;
    this.ttl = request.ttl;
    this.validUntil = place.validUntil;
    this.key = place.key;
    this.#place = place;
    this.#request = request;
    this.#forget = forget;
  }

  async renew(signal: AbortSignal): Promise<number | undefined> {
    const there = await this.#place.renew(renewal(this.gateway, this.#request.ttl, signal));
    return there ? this.#place.validUntil : undefined;
  }

  async release(): Promise<boolean> {
    this.#stop.abort();
    try {
      return await this.#place.release();
    } finally {
      this.#forget();
    }
  }

  onLost(report: (reason: LossReport) => void): () => void {
    this.#reports.add(report);
    if (this.#reports.size === 1) void this.#watchOwnKey();
    return () => {
      this.#reports.delete(report);
      if (this.#reports.size === 0) this.#stop.abort();
    };
  }

  /** Reports to the holder that its key is gone, or is released because the driver was closed. */
  reportLost(reason: LossReport): void {
    this.#stop.abort();
    for (const report of [...this.#reports]) report(reason);
  }

  /** The server may end a lease early; then the holder is to know at once and not at its next renewal. */
  async #watchOwnKey(): Promise<void> {
    const { signal } = this.#stop;
    // A watch that broke is taken up again from where the key was last seen, so nothing in between is missed.
    while (!signal.aborted) {
      const fate = await watchKey(this.gateway, this.key, this.#place.existedAt + 1n, signal);
      if (signal.aborted) return;
      if (fate !== 'broken') return this.reportLost('gone');
      await pause(100, signal).catch(() => {});
    }
  }
}

/** Whether `grant` came from this package, also from another installed copy of it. */
export function isEtcdGrant(grant: unknown): grant is EtcdGrant {
  return typeof grant === 'object' && grant !== null && (grant as { [brand]?: unknown })[brand] === true;
}
