import { LeaseContenders, type LeasePlan } from '../../../../lease-contenders.js';

/** What a contender does. */
export interface ContenderPlan extends LeasePlan {
  /** The URL of the server of the lease. */
  readonly url: string;
  /** The URL of the server of the counter, which no fault touches. */
  readonly store: string;
  readonly hold?: number;
}

/** Real processes that contend for one lease on Redis, by turns with either client. */
export class Contenders extends LeaseContenders<ContenderPlan> {
  constructor() {
    super(new URL('../fixtures/contender.mjs', import.meta.url), (index) => ({
      by: index % 2 === 0 ? 'ioredis' : 'redis',
      ...{ fenced: true, stall: 0, stallEvery: 0, hold: 5 },
    }));
  }
}
