export type { HeldLease } from './lease/held-lease.js';
export { lease } from './lease/lease.js';
export type { LeaseDriver, LeaseGrant, LeaseRequest } from './lease/lease-driver.js';
export {
  type LeaseLossReason,
  LeaseLostError,
  LeaseNotAcquiredError,
  LeaseTimeoutError,
  LeaseTtlTooShortError,
} from './lease/lease-errors.js';
export type { LeaseOptions } from './lease/lease-options.js';
export type { Holder } from './owner/holder.js';
