import fs from 'node:fs';
import { checkDescriptors, getLogger, loadPackage } from '@oslo-concurrency/core';
import { AddOnUnavailableError } from '../../errors.js';

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
}

interface AddOn {
  tryLock(fd: number, offset: number, length: number, options: { shared: boolean }): boolean;
  unlock(fd: number, offset: number, length: number): void;
}

const sharedMode = { shared: true };
const exclusiveMode = { shared: false };

let addOn: AddOn | undefined;

// Loaded at the first lock, not at import: a program that never acquires an external lock does not need the add-on.
function loadAddOn(): AddOn {
  checkDescriptors();
  // Deno would end the whole process at the first call, and nothing could catch that: it lacks a function of Node's.
  if (process.versions.deno !== undefined) throw new AddOnUnavailableError(new Error('Deno lacks uv_get_osfhandle'));
  try {
    addOn = loadPackage<AddOn>(import.meta.url, 'fs-native-extensions');
    return addOn;
  } catch (error) {
    throw new AddOnUnavailableError(error);
  }
}

// The add-on reports a refusal as an error. Most of its cost is the stack trace, which is never read.
function tryLock(fd: number, offset: number, length: number, shared: boolean): boolean {
  const locks = addOn ?? loadAddOn();
  const limit = Error.stackTraceLimit;
  if (!limitIsWritable) return locks.tryLock(fd, offset, length, shared ? sharedMode : exclusiveMode);
  Error.stackTraceLimit = 0;
  try {
    return locks.tryLock(fd, offset, length, shared ? sharedMode : exclusiveMode);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

// False if the built-in objects are frozen.
const limitIsWritable = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

const orUndefined = { throwIfNoEntry: false } as const;

/** The real calls: `node:fs`, and `fcntl(F_OFD_SETLK)` by fs-native-extensions. */
export const defaultKernelSystem: KernelSystem = {
  load: () => void (addOn ?? loadAddOn()),
  openSync: fs.openSync,
  closeSync: fs.closeSync,
  fstatSync: (fd) => fs.fstatSync(fd),
  lstatSync: (path) => fs.lstatSync(path, orUndefined),
  readSync: fs.readSync,
  writeSync: fs.writeSync,
  unlinkSync: fs.unlinkSync,
  lutimesSync: fs.lutimesSync,
  futimesSync: fs.futimesSync,
  watch: (path, listener) => fs.watch(path, { persistent: false }, listener),
  tryLock,
  unlock: (fd, offset, length) => (addOn ?? loadAddOn()).unlock(fd, offset, length),
};

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
