import { InvalidOptionError } from '@oslo-concurrency/core';
import { defaultRegistry } from './local/turn-registry.js';
import { lockFilePath } from './lock-path/lock-path.js';
import { planIn } from './locking/call.js';
import type { HeldLock } from './locking/held/handles.js';
import type { GrantedLock } from './locking/held/held-lock.js';
import { hold } from './locking/hold.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';

/** Options of {@link removeExternalLockFile}; times are milliseconds. */
export type RemoveLockFileOptions = Omit<LockOptions, 'external' | 'shared' | 'permits' | 'removeOnRelease' | 'label'>;

/**
 * Removes the lock file of `name` and the library's other files for that lock, while holding the lock; waits for the
 * lock as `lock()` does. If another caller waits for the lock, the file stays. It also stays if the last holder died, so
 * that the next holder learns of that (`previousOwnerDied`). Also works with `disableProcessLocking`,
 * as oslo's does.
 *
 * Safe while other callers lock that name with this library, in any process. Not safe beside Python waiters: they do
 * not check whether the file they wait for is still the lock. Call it when no Python process can be waiting for that
 * lock.
 *
 * oslo's counterpart: `lockutils.remove_external_lock_file`, which removes the file even while other processes use it.
 * @param name - The name of the lock.
 * @throws the errors that `lock()` rejects with. A file that cannot be removed is only a warning in the log, as in
 * oslo.
 */
export async function removeExternalLockFile(name: string, options: RemoveLockFileOptions = {}): Promise<void> {
  checkLockOptions(name, options);
  const { shared, permits }: LockOptions = options;
  for (const [option, value] of Object.entries({ shared, permits })) {
    if (value !== undefined)
      throw new InvalidOptionError(option, 'absent: a lock file is removed while holding the lock exclusively', value);
  }
  const path = lockFilePath(name, options.lockFilePrefix, options.lockPath);
  const registry = options.semaphores?.registry ?? defaultRegistry;
  // The caller does not see the grant, so the report of a dead holder is for the next one, and its file stays for that.
  const passOnNews = (held: HeldLock): unknown =>
    held.previousOwnerDied && (held as GrantedLock & HeldLock).releaseUnseen();
  await hold(planIn(registry, name, path, { ...options, removeOnRelease: true }), passOnNews);
}
