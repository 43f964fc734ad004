import { LeaseContenders, type LeasePlan } from '../../../../lease-contenders.js';

/** What a contender does. */
export interface ContenderPlan extends LeasePlan {
  readonly url: string;
  /** How long each lease is held; 5 ms by default. */
  readonly hold?: number;
  /** How long it waits for one answer in its own transactions; 4 s by default. */
  readonly patience?: number;
}

/** Real processes that contend for one lease on Postgres. */
export class Contenders extends LeaseContenders<ContenderPlan> {
  constructor() {
    super(new URL('../fixtures/contender.mjs', import.meta.url));
  }
}
