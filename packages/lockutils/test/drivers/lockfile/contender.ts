import { ObedientChild } from './obedient-child.js';

/** What a contender is asked for. */
export interface Order {
  readonly do: 'try' | 'release';
  readonly path: string;
}

/** What a contender tells of one order. */
export interface Outcome {
  readonly granted?: boolean;
  readonly previousOwnerDied?: boolean;
  readonly released?: boolean;
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

  async try(path: string): Promise<Outcome> {
    return this.order({ do: 'try', path });
  }

  async release(path: string): Promise<Outcome> {
    return this.order({ do: 'release', path });
  }
}
