import { LeaseContenders, type LeasePlan } from '../../../../lease-contenders.js';

/** What a contender does. */
export interface ContenderPlan extends LeasePlan {
  readonly url: string;
}

/** Real processes that contend for one lease on Postgres. */
export class Contenders extends LeaseContenders<ContenderPlan> {
  constructor() {
    super(new URL('../fixtures/contender.mjs', import.meta.url));
  }
}
