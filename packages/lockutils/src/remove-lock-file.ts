import { InvalidOptionError } from '@oslo-concurrency/core';
import { planIn } from './acquisition.js';
import { hold } from './hold.js';
import { defaultRegistry } from './local/turn-registry.js';
import type { RemoveLockFileOptions } from './lock.js';
import { checkLockOptions, type LockOptions } from './lock-options.js';
import { lockFilePath } from './lock-path.js';

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
