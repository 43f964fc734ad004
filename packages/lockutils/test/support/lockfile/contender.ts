import { ObedientChild } from './obedient-child.js';

/** What a contender is asked for. */
export interface Order {
  readonly do: 'try' | 'release' | 'downgrade' | 'upgrade' | 'clean';
  readonly path: string;
  /** How to `try`; alone by default. */
  readonly mode?: Mode;
  /** How to `clean`; what the next holder is to be told is left by default. */
  readonly rule?: { readonly abandonedToo: boolean };
}

/** The part of a request that says with whom the lock is shared. */
export interface Mode {
  readonly shared?: boolean;
  readonly permits?: number;
}

/** What a contender tells of one order. */
export interface Outcome {
  readonly granted?: boolean;
  readonly previousOwnerDied?: boolean;
  readonly released?: boolean;
  readonly upgraded?: boolean;
  /** What came of `clean`. */
  readonly verdict?: string;
  readonly error?: string;
  readonly message?: string;
  /** The file system calls that were made for it. */
  readonly calls: readonly string[];
}

/** A process of its own that takes and releases locks on order. */
export class Contender extends ObedientChild<Order, Outcome> {
  static async start(kind: 'promised' | 'synchronous' | 'plain' = 'promised'): Promise<Contender> {
    return new Contender(await ObedientChild.fork('lockfile-contender', [kind]));
  }

  async try(path: string, mode: Mode = {}): Promise<Outcome> {
    return this.order({ do: 'try', path, mode });
  }

  async release(path: string): Promise<Outcome> {
    return this.order({ do: 'release', path });
  }
}
