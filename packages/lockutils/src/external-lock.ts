import { InterProcessLock } from './interprocess-lock.js';
import type { InterProcessLockOptions } from './interprocess-options.js';
import type { LockOptions } from './lock-options.js';
import { lockFilePath } from './lock-path.js';

/** Options of {@link externalLock}. */
export type ExternalLockOptions = InterProcessLockOptions & Pick<LockOptions, 'lockFilePrefix' | 'lockPath'>;

/**
 * The lock file of the lock `name` as an object to acquire and release: what `lock(name, { external: true })` takes
 * after the internal lock. It does not take the internal lock, so it does not exclude `lock(name)` in this process.
 *
 * oslo's counterpart: `lockutils.external_lock`.
 * @throws LockPathRequiredError, InvalidLockNameError
 */
export function externalLock(name: string, options: ExternalLockOptions = {}): InterProcessLock {
  const { lockFilePrefix, lockPath, ...rest } = options;
  return new InterProcessLock(lockFilePath(name, lockFilePrefix, lockPath), rest);
}
