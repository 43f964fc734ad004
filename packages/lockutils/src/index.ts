export { getLockPath, setDefaults } from '@oslo-concurrency/core';
export { acquireAll, type LocksBody } from './acquire-all.js';
export { type CleanLocksOptions, type CleanLocksResult, cleanLocks } from './cleanup/clean-locks.js';
export { type ListLocksOptions, listLocks } from './cleanup/list-locks.js';
export type { LockStatus } from './cleanup/lock-status.js';
export type { KeepReason } from './cleanup/remove-unused-lock.js';
export type { Grant, LockDriver, LockRequest, Place, Upgrade } from './drivers/driver.js';
export type { KernelDriverOptions } from './drivers/kernel/kernel-driver.js';
export type { KernelSystem } from './drivers/kernel/kernel-system.js';
export { LockDriverMismatchError } from './drivers/lock-driver-mismatch-error.js';
export { LockLostError } from './drivers/lockfile/lock-lost-error.js';
export type { LockfileDriverOptions } from './drivers/lockfile/lockfile-driver.js';
export type { LockfileFs } from './drivers/lockfile/lockfile-fs.js';
export { NetworkFileSystemError } from './drivers/network-file-system.js';
export type { DriverName } from './drivers/select.js';
export {
  AcquireLockFailedError,
  AddOnUnavailableError,
  DeadlockError,
  InvalidLockNameError,
  LockFileAccessError,
  LockFileSystemError,
  LockFileTypeError,
  type LockNameProblem,
  LockPathError,
  type LockPathProblem,
  LockPathRequiredError,
  LockReleaseError,
  LockTimeoutError,
  LockUnsupportedError,
  UpgradeConflictError,
} from './errors.js';
export { type ExternalLockOptions, externalLock } from './external-lock.js';
export { HeldByThisThreadError } from './held-by-this-thread-error.js';
export type { HeldLock, LockHandle, WaitInfo } from './held-lock.js';
export type { HeldLocks } from './held-locks.js';
export type { LockBody } from './hold.js';
export { internalFairLock } from './internal-fair-lock.js';
export { type InternalLock, internalLock } from './internal-lock.js';
export { InterProcessLock } from './interprocess-lock.js';
export type { InterProcessLockOptions } from './interprocess-options.js';
export { InterProcessReaderWriterLock } from './interprocess-reader-writer-lock.js';
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
export type { LeaseOptions, LeaseWaitInfo } from './lease/lease-options.js';
export { FairLocks } from './local/fair-locks.js';
export { ReaderWriterLock } from './local/reader-writer-lock.js';
export { Semaphores } from './local/semaphores.js';
export { lock } from './lock.js';
export { LockNotHeldError } from './lock-not-held-error.js';
export type { LockOptions } from './lock-options.js';
export { type LockSyncBody, type LockSyncOptions, lockSync } from './lock-sync.js';
export type { Holder } from './owner/holder.js';
export {
  lockWithPrefix,
  removeExternalLockFileWithPrefix,
  synchronizedWithPrefix,
} from './prefixed.js';
export { type RemoveLockFileOptions, removeExternalLockFile } from './remove-lock-file.js';
export type { SyncHeldLock } from './sync-held-lock.js';
export { type Synchronized, type Synchronizer, synchronized } from './synchronized.js';
export { type SyncSynchronizer, synchronizedSync } from './synchronized-sync.js';
export type { WaitOptions } from './wait-options.js';
