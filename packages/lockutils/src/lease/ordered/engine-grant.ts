import { InvalidOptionError } from '@oslo-concurrency/core';
import type { LeaseEnd, LeaseGrant } from '../../drivers/lease-driver.js';

const brand = Symbol.for('@oslo-concurrency/engine-grant@1');

/**
 * The base of the grants of an engine's driver: it reports a loss to the holder, once, and brands the grant, so that a
 * fence recognizes the grants of its own engine with {@link grantOf}, also those of another installed copy of its package.
 */
export abstract class EngineGrant implements LeaseGrant {
  abstract readonly token: bigint;
  abstract readonly validUntil: number;
  /** Called once, when `release` has settled. `orderedLeaseDriver` sets it. */
  released: () => void = () => {};
  readonly #reports = new Set<(reason: LeaseEnd, cause?: unknown) => void>();
  #stopWatching: (() => void) | undefined;
  #over = false;
  #lost = false;

  /** `engine` is the driver's name, such as `etcd`. */
  constructor(engine: string) {
    Object.defineProperty(this, brand, { value: engine });
  }

  abstract renew(signal: AbortSignal): Promise<number | undefined>;

  /** Releases the lease in the engine; see {@link LeaseGrant.release}. */
  protected abstract giveUp(signal: AbortSignal): Promise<boolean>;

  /** Begins to watch whether the engine ends the lease; calls `reportLost` then. Returns a function that stops this. */
  protected watchLoss?(): () => void;

  async release(signal: AbortSignal): Promise<boolean> {
    this.#stop();
    this.#over = true;
    try {
      return await this.giveUp(signal);
    } finally {
      this.released();
    }
  }

  onLost(report: (reason: LeaseEnd, cause?: unknown) => void): () => void {
    this.#reports.add(report);
    if (!this.#over) this.#stopWatching ??= this.watchLoss?.();
    return () => {
      this.#reports.delete(report);
      if (this.#reports.size === 0) this.#stop();
    };
  }

  /** Reports to the holder that the lease has ended. Only the first report counts. */
  reportLost(reason: LeaseEnd, cause?: unknown): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#over = true;
    this.#stop();
    for (const report of [...this.#reports]) report(reason, cause);
  }

  #stop(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }
}

/**
 * The grant of a held lease, for the fence of `engine`.
 *
 * @param held - The held lease.
 * @param engine - The name of the engine, as its grants give it.
 * @throws InvalidOptionError if the lease is not of a driver of that engine.
 */
export function grantOf<G extends EngineGrant>(held: { readonly grant: G }, engine: string): G {
  const grant: unknown = (held as { readonly grant?: unknown } | null | undefined)?.grant;
  const of = typeof grant === 'object' && grant !== null ? (grant as { [brand]?: unknown })[brand] : undefined;
  if (of !== engine) throw new InvalidOptionError('held', `a lease of the driver ${engine}`, held);
  return grant as G;
}
