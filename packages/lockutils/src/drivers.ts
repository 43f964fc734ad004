export { type KernelDriverOptions, kernelDriver } from './drivers/kernel/driver.js';
export { defaultKernelSystem, type KernelSystem } from './drivers/kernel/system.js';
export { type LockfileDriverOptions, lockfileDriver } from './drivers/lockfile/driver.js';
export { type LockfileLeaseDriverOptions, lockfileLeaseDriver } from './drivers/lockfile/lease/driver.js';
export { type LeaseFs, promisedLeaseFs } from './drivers/lockfile/lease/lease-fs.js';
export { type LockfileFs, promisedFs, synchronousFs } from './drivers/lockfile/system.js';
export type { Rights } from './lock-path/rights.js';
