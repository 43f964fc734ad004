export {
  configFilesIn,
  configure,
  getLockPath,
  isConcurrencyError,
  type Logger,
  loadConfigFile,
  setDefaults,
  setLogger,
} from '@oslo-concurrency/core';
export { acquireAll, type HeldLocks, type LocksBody } from './acquire-all.js';
export { type CleanLocksOptions, cleanLocks } from './cleanup/clean-locks.js';
export { type CloseLockPathOptions, closeLockPath } from './cleanup/close-lock-path.js';
export { type ListLocksOptions, listLocks } from './cleanup/list-locks.js';
export type { CleanLocksResult, KeepReason } from './drivers/care.js';
export type { DriverName, Grant, LockDriver, LockRequest, Place, Upgrade } from './drivers/driver.js';
export type { KernelDriverOptions } from './drivers/kernel/driver.js';
export type { KernelSystem } from './drivers/kernel/system.js';
export type {
  LeaseDriver,
  LeaseEnd,
  LeaseGrant,
  LeaseRecord,
  LeaseRequest,
  ReleaseHints,
} from './drivers/lease-driver.js';
export type { LockStatus } from './drivers/lock-status.js';
export type { LockfileDriverOptions } from './drivers/lockfile/driver.js';
export type { LockfileFs } from './drivers/lockfile/system.js';
export {
  AcquireLockFailedError,
  DeadlockError,
  HeldByThisThreadError,
  LockLostError,
  LockNotHeldError,
  LockReleaseError,
  LockTimeoutError,
  UpgradeConflictError,
} from './errors/lock-errors.js';
export {
  type AccessFacts,
  LockFileAccessError,
  LockFileSystemError,
  LockFileTypeError,
  LockUnsupportedError,
} from './errors/lock-file-errors.js';
export {
  AddOnUnavailableError,
  InvalidLockNameError,
  LockDriverMismatchError,
  type LockNameProblem,
  LockPathError,
  type LockPathProblem,
  LockPathRequiredError,
  NetworkFileSystemError,
} from './errors/lock-path-errors.js';
export { type LeaderTerm, lead } from './jobs/lead.js';
export type { LeaderRecord, LeadOptions } from './jobs/lead-options.js';
export type { OncePerOptions } from './jobs/once-options.js';
export { type OncePerResult, type OncePerRun, oncePer } from './jobs/once-per.js';
export type { RunRecord } from './jobs/run-record.js';
export {
  type LeaseLossReason,
  LeaseLostError,
  LeaseNotAcquiredError,
  LeaseTimeoutError,
  LeaseTtlTooShortError,
  LeaseUnansweredError,
} from './lease/errors.js';
export type { HeldLease } from './lease/held-lease.js';
export type { HeldLeases } from './lease/held-leases.js';
export { lease } from './lease/lease.js';
export { leaseAll } from './lease/lease-all.js';
export type { LeaseOptions, LeaseWaitInfo } from './lease/lease-options.js';
export { lock } from './lock.js';
export { type LockSyncOptions, lockSync } from './lock-sync.js';
export type { HeldLock, LockBody, LockHandle, LockSyncBody, SyncHeldLock } from './locking/held/handles.js';
export { type InternalLock, internalLock, Semaphores } from './objects/internal-lock.js';
export {
  type ExternalLockOptions,
  externalLock,
  InterProcessLock,
  type InterProcessLockOptions,
  InterProcessReaderWriterLock,
} from './objects/interprocess-lock.js';
export { FairLocks, internalFairLock, ReaderWriterLock } from './objects/reader-writer-lock.js';
export type { LockOptions, WaitInfo } from './options/lock-options.js';
export type { WaitOptions } from './options/wait-options.js';
export type { Holder } from './owner/holder.js';
export {
  lockWithPrefix,
  removeExternalLockFileWithPrefix,
  synchronizedWithPrefix,
} from './prefixed.js';
export { type RemoveLockFileOptions, removeExternalLockFile } from './remove-lock-file.js';
export { type Synchronized, type Synchronizer, synchronized } from './synchronized.js';
export { type SyncSynchronizer, synchronizedSync } from './synchronized-sync.js';
