export { getLockPath, setDefaults } from '@oslo-concurrency/core';
export { type CloseLockPathOptions, closeLockPath } from './cleanup/close-lock-path.js';
export {
  type CleanLocksOptions,
  type CleanLocksResult,
  cleanLocks,
  type ListLocksOptions,
  listLocks,
} from './cleanup/lock-path-care.js';
export type { LockStatus } from './cleanup/lock-status.js';
export type { KeepReason } from './cleanup/remove-unused-lock.js';
export type { DriverName, Grant, LockDriver, LockRequest, Place, Upgrade } from './drivers/driver.js';
export type { KernelDriverOptions } from './drivers/kernel/kernel-driver.js';
export type { KernelSystem } from './drivers/kernel/kernel-system.js';
export type { LockfileDriverOptions } from './drivers/lockfile/lockfile-driver.js';
export type { LockfileFs } from './drivers/lockfile/lockfile-fs.js';
export {
  type AccessFacts,
  AcquireLockFailedError,
  AddOnUnavailableError,
  DeadlockError,
  HeldByThisThreadError,
  InvalidLockNameError,
  LockDriverMismatchError,
  LockFileAccessError,
  LockFileSystemError,
  LockFileTypeError,
  LockLostError,
  type LockNameProblem,
  LockNotHeldError,
  LockPathError,
  type LockPathProblem,
  LockPathRequiredError,
  LockReleaseError,
  LockTimeoutError,
  LockUnsupportedError,
  NetworkFileSystemError,
  UpgradeConflictError,
} from './errors.js';
export type { HeldLock, LockBody, LockHandle, LockSyncBody, SyncHeldLock, WaitInfo } from './held-lock.js';
export type { HeldLocks } from './held-locks.js';
export { type InternalLock, internalLock, Semaphores } from './internal-lock.js';
export {
  type ExternalLockOptions,
  externalLock,
  InterProcessLock,
  type InterProcessLockOptions,
  InterProcessReaderWriterLock,
} from './interprocess-lock.js';
export type { HeldLease } from './lease/held-lease.js';
export {
  type LeaseLossReason,
  LeaseLostError,
  LeaseNotAcquiredError,
  LeaseTimeoutError,
  LeaseTtlTooShortError,
  LeaseUnansweredError,
  lease,
} from './lease/lease.js';
export type { LeaseDriver, LeaseGrant, LeaseRequest } from './lease/lease-driver.js';
export type { LeaseOptions, LeaseWaitInfo } from './lease/lease-options.js';
export { FairLocks, internalFairLock, ReaderWriterLock } from './local/reader-writer-lock.js';
export { acquireAll, type LocksBody, lock, type RemoveLockFileOptions, removeExternalLockFile } from './lock.js';
export type { LockOptions } from './lock-options.js';
export {
  type LockSyncOptions,
  lockSync,
  type SyncSynchronizer,
  synchronizedSync,
} from './lock-sync.js';
export type { Holder } from './owner/holder.js';
export {
  lockWithPrefix,
  removeExternalLockFileWithPrefix,
  synchronizedWithPrefix,
} from './prefixed.js';
export { type Synchronized, type Synchronizer, synchronized } from './synchronized.js';
export type { WaitOptions } from './wait-options.js';
