import { InvalidOptionError } from '@oslo-concurrency/core';
import { defaultRegistry } from './local/turn-registry.js';
import { lockFilePath } from './lock-path/lock-path.js';
import { planIn } from './locking/call.js';
import { hold } from './locking/hold.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';

/** Options of {@link removeExternalLockFile}; times are milliseconds. */
export type RemoveLockFileOptions = Omit<LockOptions, 'external' | 'shared' | 'permits' | 'removeOnRelease' | 'label'>;

/** What `removeExternalLockFile` does. */
export async function removeLockFile(name: string, options: RemoveLockFileOptions): Promise<void> {
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
