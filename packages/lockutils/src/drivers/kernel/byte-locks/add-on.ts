import { loadPackage } from '@oslo-concurrency/core';
import type { ByteLocks } from './byte-locks.js';

interface AddOn {
  tryLock(fd: number, offset: number, length: number, options: { shared: boolean }): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

/** The native part alone. It reports a refusal as an error with the code `EAGAIN`. */
interface NativePart {
  tryLock(fd: number, offset: number, length: number, exclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
}

const addOn = 'fs-native-extensions';
const sharedMode = { shared: true };
const exclusiveMode = { shared: false };

// False if the built-in objects are frozen.
const limitIsWritable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/** The calls of the add-on fs-native-extensions. Throws the error of `require` if it cannot be loaded. */
export function addOnLocks(): ByteLocks {
  const { tryLock, unlock } = loadAddOn();
  return {
    // The add-on reports a refusal as an error. Most of its cost is the stack trace, which is never read.
    tryLock(fd, offset, length, shared) {
      const limit = Error.stackTraceLimit;
      if (!limitIsWritable) return tryLock(fd, offset, length, shared ? sharedMode : exclusiveMode);
      Error.stackTraceLimit = 0;
      try {
        return tryLock(fd, offset, length, shared ? sharedMode : exclusiveMode);
      } finally {
        Error.stackTraceLimit = limit;
      }
    },
    unlock,
  };
}

function loadAddOn(): AddOn {
  try {
    return loadPackage<AddOn>(import.meta.url, addOn);
  } catch (error) {
    if (process.platform !== 'linux' || (error as NodeJS.ErrnoException).code !== 'ADDON_NOT_FOUND') throw error;
    try {
      return fromNativePart(loadPackage<NativePart>(import.meta.url, buildForGlibc()));
    } catch {
      throw error;
    }
  }
}

// On Alpine the add-on looks for a build of its own for musl, and ships none. musl loads the build for glibc: it stands in
// for `libc.so.6` itself, and it has every function that this build imports. What they pass to the kernel is the same.
function buildForGlibc(): string {
  return `${addOn}/prebuilds/linux-${process.arch}/${addOn}.node`;
}

function fromNativePart(native: NativePart): AddOn {
  return {
    tryLock(fd, offset, length, { shared }) {
      try {
        native.tryLock(fd, offset, length, !shared);
        return true;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
        throw error;
      }
    },
    unlock: (fd, offset, length) => native.unlock(fd, offset, length),
  };
}
