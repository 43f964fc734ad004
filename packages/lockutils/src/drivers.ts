export { type KernelDriverOptions, kernelDriver } from './drivers/kernel/kernel-driver.js';
export { defaultKernelSystem, type KernelSystem } from './drivers/kernel/kernel-system.js';
export { type LockfileDriverOptions, lockfileDriver } from './drivers/lockfile/lockfile-driver.js';
export { type LockfileFs, promisedFs, synchronousFs } from './drivers/lockfile/lockfile-fs.js';
