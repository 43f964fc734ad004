export { type KernelDriverOptions, kernelDriver } from './drivers/kernel/kernel-driver.js';
export { defaultKernelSystem, type KernelSystem } from './drivers/kernel/kernel-system.js';
export { type LeaseFs, promisedLeaseFs } from './drivers/lockfile/lease-fs.js';
export { type LockfileDriverOptions, lockfileDriver } from './drivers/lockfile/lockfile-driver.js';
export { type LockfileFs, promisedFs, synchronousFs } from './drivers/lockfile/lockfile-fs.js';
export { type LockfileLeaseDriverOptions, lockfileLeaseDriver } from './drivers/lockfile/lockfile-lease-driver.js';
export type { Rights } from './drivers/rights.js';
