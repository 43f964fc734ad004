import { checkDescriptors, getLogger, getOption, registerOption } from '@oslo-concurrency/core';
import { AddOnUnavailableError } from '../../../errors/lock-path-errors.js';
import { addOnLocks } from './add-on.js';
import type { ByteLocks } from './byte-locks.js';
import { ffiLocks } from './node-ffi.js';

declare module '@oslo-concurrency/core' {
  interface ConfigValues {
    /**
     * By what the kernel driver calls `fcntl` on Linux: `auto` is its native add-on, or node:ffi (Node 26.1 or newer) where
     * the add-on cannot be loaded. Read at the first external lock of a thread. Processes that use one and processes that
     * use the other exclude each other.
     */
    kernelCalls: 'auto' | 'add-on' | 'ffi';
  }
}

const kernelCalls = ['auto', 'add-on', 'ffi'];

registerOption<string>({
  name: 'kernelCalls',
  type: 'string',
  default: 'auto',
  help: 'By what the kernel driver calls the system: its native add-on, node:ffi of Node 26.1 or newer, or whichever works.',
  env: 'OSLO_KERNEL_CALLS',
  expected: `one of ${kernelCalls.join(', ')}`,
  accepts: (value) => kernelCalls.includes(value as string),
});

/**
 * What calls the kernel here, by the option `kernelCalls`. `auto`: the add-on, or node:ffi where there is no add-on. They
 * make the same call, so processes that use one and processes that use the other exclude each other.
 *
 * @throws AddOnUnavailableError if neither can be used, or the one that was asked for cannot.
 */
export function loadByteLocks(): ByteLocks {
  checkDescriptors();
  const asked = getOption('kernelCalls');
  if (asked === 'ffi') return loadFfi();
  // Deno would end the whole process at the first call, and nothing could catch that: it lacks a function of Node's.
  if (process.versions.deno !== undefined) throw new AddOnUnavailableError(new Error('Deno lacks uv_get_osfhandle'));
  let missing: unknown;
  try {
    return addOnLocks();
  } catch (error) {
    missing = error;
  }
  if (asked === 'add-on' || process.platform !== 'linux') throw new AddOnUnavailableError(missing);
  const locks = loadFfi(missing);
  getLogger().info(
    'The kernel driver uses node:ffi, because the add-on fs-native-extensions cannot be loaded. Node warns that node:ffi is experimental; --disable-warning=ExperimentalWarning hides the warning',
  );
  return locks;
}

function loadFfi(addOn?: unknown): ByteLocks {
  try {
    return ffiLocks();
  } catch (error) {
    throw new AddOnUnavailableError(addOn, error as Error);
  }
}
