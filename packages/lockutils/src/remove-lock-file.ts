import { planIn } from './acquisition.js';
import { hold } from './hold.js';
import { defaultRegistry } from './local/turn-registry.js';
import type { RemoveLockFileOptions } from './lock.js';
import { checkLockOptions } from './lock-options.js';
import { lockFilePath } from './lock-path.js';

/** What `removeExternalLockFile` does. */
export async function removeLockFile(name: string, options: RemoveLockFileOptions): Promise<void> {
  checkLockOptions(name, options);
  const path = lockFilePath(name, options.lockFilePrefix, options.lockPath);
  const registry = options.semaphores?.registry ?? defaultRegistry;
  await hold(planIn(registry, name, path, { ...options, removeOnRelease: true }), () => {});
}
