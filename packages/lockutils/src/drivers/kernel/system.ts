import fs from 'node:fs';
import { getLogger } from '@oslo-concurrency/core';
import type { ByteLocks } from './byte-locks/byte-locks.js';
import { loadByteLocks } from './byte-locks/load.js';
import { withRangeFiles } from './byte-locks/range-files.js';
import { onWindows, windowsStats } from './byte-locks/windows.js';

/**
 * Every system call of the kernel driver. This is the extension point for fault injection: give `kernelDriver` an
 * object made from {@link defaultKernelSystem}, with some calls replaced by slow or failing ones.
 */
export interface KernelSystem {
  /** Loads what the calls need, if there is anything to load. The driver calls it before it creates anything. */
  readonly load?: () => void;
  readonly openSync: typeof fs.openSync;
  readonly closeSync: typeof fs.closeSync;
  readonly fstatSync: (fd: number) => fs.Stats;
  readonly lstatSync: (path: string) => fs.Stats | undefined;
  readonly readSync: (fd: number, buffer: Uint8Array, offset: number, length: number, position: number) => number;
  readonly writeSync: (fd: number, buffer: Uint8Array, offset: number, length: number, position: number) => number;
  readonly unlinkSync: typeof fs.unlinkSync;
  readonly lutimesSync: typeof fs.lutimesSync;
  readonly futimesSync: typeof fs.futimesSync;
  readonly watch: (path: string, listener: (event: 'change' | 'rename') => void) => fs.FSWatcher;
  /**
   * Locks bytes of the file that `fd` is open on, for its open file description; `false` if another lock is in the way.
   */
  readonly tryLock: (fd: number, offset: number, length: number, shared: boolean) => boolean;
  readonly unlock: (fd: number, offset: number, length: number) => void;
  /** `false` if a lock on a file cannot change from exclusive to shared and back in one step. */
  readonly changesKind?: boolean;
}

// Loaded at the first lock, not at import: a program that never acquires an external lock does not need the add-on.
let locks: ByteLocks | undefined;

function loaded(): ByteLocks {
  locks ??= process.platform === 'win32' ? onWindows(loadByteLocks()) : loadByteLocks();
  return locks;
}

const orUndefined = { throwIfNoEntry: false } as const;

/** The calls themselves, which lock ranges as the system does. */
export const plainSystem: KernelSystem = {
  load: () => void loaded(),
  openSync: fs.openSync,
  closeSync: fs.closeSync,
  ...(process.platform === 'win32'
    ? windowsStats
    : { fstatSync: (fd: number) => fs.fstatSync(fd), lstatSync: (path: string) => fs.lstatSync(path, orUndefined) }),
  readSync: fs.readSync,
  writeSync: fs.writeSync,
  unlinkSync: fs.unlinkSync,
  lutimesSync: fs.lutimesSync,
  futimesSync: fs.futimesSync,
  watch: (path, listener) => fs.watch(path, { persistent: false }, listener),
  tryLock: (fd, offset, length, shared) => (locks ?? loaded()).tryLock(fd, offset, length, shared),
  unlock: (fd, offset, length) => (locks ?? loaded()).unlock(fd, offset, length),
};

/** What this system makes of `calls`: only Linux locks ranges of a file as the queue and the seats need it. */
export const onThisSystem = (calls: KernelSystem): KernelSystem =>
  process.platform === 'linux' ? calls : withRangeFiles(calls);

/** The real calls: `node:fs`, and `fcntl(F_OFD_SETLK)` by fs-native-extensions or node:ffi, or what stands in for it. */
export const defaultKernelSystem = onThisSystem(plainSystem);

/**
 * Closes a descriptor of `path`, and never throws: whatever close(2) reports, the descriptor is closed and its locks
 * are gone. A second close would hit another file's descriptor, and a caller that released its place must not see an
 * error that says it is still held.
 */
export function closeQuietly(system: KernelSystem, fd: number, path: string): void {
  try {
    system.closeSync(fd);
  } catch (error) {
    getLogger().warn(`Closing ${path} failed: ${(error as Error).message}`);
  }
}
