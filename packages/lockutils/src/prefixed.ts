import { lock } from './lock.js';
import { lockFileName } from './lock-path/lock-path.js';
import type { HeldLock, LockBody } from './locking/held/handles.js';
import { checkLockOptions, type LockOptions } from './options/lock-options.js';
import { type RemoveLockFileOptions, removeExternalLockFile } from './remove-lock-file.js';
import { type Synchronizer, synchronized } from './synchronized.js';

/**
 * `lock` for one project: the names of its lock files begin with `lockFilePrefix` and one `-`. `nova` and `nova-` mean
 * the same. The option `lockFilePrefix` of a call takes precedence.
 *
 * oslo's counterpart: `lockutils.lock_with_prefix`.
 * @param lockFilePrefix - What the names of the lock files begin with, followed by one `-`.
 * @throws InvalidLockNameError if no file name can begin with this prefix.
 * @example
 * export const lock = lockWithPrefix('nova');
 */
export function lockWithPrefix(lockFilePrefix: string): typeof lock {
  const add = adder(lockFilePrefix);
  return <T>(name: string, second?: LockOptions | LockBody<T>, third?: LockBody<T>): Promise<T & HeldLock> => {
    const [options, fn] = typeof second === 'function' ? [{}, second] : [second, third];
    return lock(name, add(options), fn as LockBody<T & HeldLock>);
  };
}

/**
 * {@link synchronized} for one project; see {@link lockWithPrefix}.
 *
 * oslo's counterpart: `lockutils.synchronized_with_prefix`.
 * @param lockFilePrefix - What the names of the lock files begin with, followed by one `-`.
 */
export function synchronizedWithPrefix(lockFilePrefix: string): typeof synchronized {
  const add = adder(lockFilePrefix);
  return (name: string, options?: LockOptions): Synchronizer => synchronized(name, add(options));
}

/**
 * {@link removeExternalLockFile} for one project; see {@link lockWithPrefix}.
 *
 * oslo's counterpart: `lockutils.remove_external_lock_file_with_prefix`.
 * @param lockFilePrefix - What the names of the lock files begin with, followed by one `-`.
 */
export function removeExternalLockFileWithPrefix(lockFilePrefix: string): typeof removeExternalLockFile {
  const add = adder(lockFilePrefix);
  return (name: string, options?: RemoveLockFileOptions) => removeExternalLockFile(name, add(options));
}

function adder(lockFilePrefix: string): <O extends LockOptions>(options: O | undefined) => O {
  checkLockOptions('x', { lockFilePrefix });
  lockFileName('x', lockFilePrefix);
  return <O extends LockOptions>(options: O | undefined): O => {
    // If `options` is not an object, the check of the options reports that.
    if (options !== undefined && (typeof options !== 'object' || options === null)) return options;
    return { ...options, lockFilePrefix: options?.lockFilePrefix ?? lockFilePrefix } as O;
  };
}
