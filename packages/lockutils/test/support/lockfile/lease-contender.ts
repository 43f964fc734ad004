import { ObedientChild } from './obedient-child.js';

/** What a contender for leases is asked for. Times are milliseconds. */
export interface LeaseOrder {
  readonly do: 'try' | 'renew' | 'release' | 'write';
  readonly name: string;
  readonly ttl?: number;
  /** The text to write. */
  readonly text?: string;
}

/** What it tells of one order. */
export interface LeaseOutcome {
  readonly granted?: boolean;
  readonly token?: string;
  /** What is left of the ttl. */
  readonly left?: number;
  readonly renewed?: boolean;
  readonly released?: boolean;
  readonly written?: boolean;
  readonly error?: string;
  /** How many file system calls were made for it. */
  readonly calls: number;
  /** What time it is there. */
  readonly date: number;
}

/** A process of its own, on a machine of its own by its host id, that takes, renews and releases leases on order. */
export class LeaseContender extends ObedientChild<LeaseOrder, LeaseOutcome> {
  static async start(lockPath: string, hostId: string, env: NodeJS.ProcessEnv = {}): Promise<LeaseContender> {
    const options = { env: { ...process.env, ...env } };
    return new LeaseContender(await ObedientChild.fork('lease-contender', [lockPath, hostId], options));
  }

  async try(name: string, ttl: number): Promise<LeaseOutcome> {
    return this.order({ do: 'try', name, ttl });
  }

  async renew(name: string): Promise<LeaseOutcome> {
    return this.order({ do: 'renew', name });
  }

  async write(name: string, text: string): Promise<LeaseOutcome> {
    return this.order({ do: 'write', name, text });
  }

  async release(name: string): Promise<LeaseOutcome> {
    return this.order({ do: 'release', name });
  }
}
