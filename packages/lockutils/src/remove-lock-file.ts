import { InvalidOptionError } from '@oslo-concurrency/core';
import { defaultRegistry } from './local/turn-registry.js';
import { lockFilePath } from './lock-path/lock-path.js';
import { planIn } from './locking/call.js';
import { hold } from './locking/hold.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';

/** Options of {@link removeExternalLockFile}; times are milliseconds. */
export type RemoveLockFileOptions = Omit<LockOptions, 'external' | 'shared' | 'permits' | 'removeOnRelease' | 'label'>;

/**
 * Removes the lock file of `name`, and what lies beside it for it, while holding the lock; waits for it like `lock()`.
 * Whoever waits here keeps the file: it stays then. Works also with `disableProcessLocking`, as oslo's does.
 *
 * Safe while others lock that name with this library, in any process. Not beside Python's, which do not look whether
 * the file they wait for is still the lock: remove when no Python process can be waiting for it.
 *
 * oslo's counterpart: `lockutils.remove_external_lock_file`, which takes the file away from under other processes.
 * @throws what `lock()` throws. A file that cannot be removed is a warning in the log, as in oslo.
 */
export async function removeExternalLockFile(name: string, options: RemoveLockFileOptions = {}): Promise<void> {
  checkLockOptions(name, options);
  const { shared, permits }: LockOptions = options;
  for (const [option, value] of Object.entries({ shared, permits })) {
    if (value !== undefined)
      throw new InvalidOptionError(option, 'absent: who removes a lock file has it alone', value);
  }
  const path = lockFilePath(name, options.lockFilePrefix, options.lockPath);
  const registry = options.semaphores?.registry ?? defaultRegistry;
  await hold(planIn(registry, name, path, { ...options, removeOnRelease: true }), () => {});
}
