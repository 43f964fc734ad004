import { isBuiltin } from 'node:module';
import { getSystemErrorName } from 'node:util';
import type { ByteLocks } from './byte-locks.js';

/** What is used of `node:ffi`, which the types of the oldest supported Node do not know. */
interface Ffi {
  dlopen(path: null, definitions: Record<string, { arguments: string[]; return: string }>): { functions: Functions };
  getInt32(address: bigint): number;
}

interface Functions {
  fcntl(fd: number, command: number, request: Uint8Array): number;
  /** Where `errno` of this thread lies; glibc and musl both have this function. */
  __errno_location(): bigint;
}

// Linux numbers these alike on each of the processors below.
const setOpenFileLock = 37;
const readLock = 0;
const writeLock = 1;
const noLock = 2;
const wouldBlock = 11;
const accessDenied = 13;

// Processors of 64 bits, little-endian, that pass the third argument of `fcntl` alike whether or not it is declared as
// variable. On ppc64 the caller of such a function must leave room for its arguments on the stack, and node:ffi does not.
const processors = ['x64', 'arm64', 'riscv64', 'loong64'];

// Where `struct flock` has its fields, in units of 32 bits: the kind, then the first byte and the count, 64 bits each.
const kindAt = 0;
const startAt = 2;
const lengthAt = 4;
const flockBytes = 32;

/**
 * `fcntl(F_OFD_SETLK)` by node:ffi, which needs no add-on: Node 26.1 and newer on Linux. Node prints a warning, once a
 * process, that node:ffi is experimental.
 *
 * @throws an error that states why node:ffi cannot be used here.
 */
export function ffiLocks(): ByteLocks {
  const { dlopen, getInt32 } = loadFfi();
  // The symbols of this process: its C library under whatever name it has.
  const { functions } = dlopen(null, {
    fcntl: { arguments: ['int32', 'int32', 'buffer'], return: 'int32' },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  const { fcntl } = functions;
  const errnoAt = functions.__errno_location();
  // One request for all calls: each call writes all of it that changes, and the kernel reads it before the call returns.
  const request = new Uint8Array(new ArrayBuffer(flockBytes));
  const fields = new Int32Array(request.buffer);

  // Returns 0, or the number of the error. The call itself alone says that it succeeded: a failure whose number was lost,
  // so that 0 is read, counts as a refusal, which grants nothing.
  function setLock(fd: number, kind: number, offset: number, length: number): number {
    fields[kindAt] = kind;
    put(fields, startAt, offset);
    put(fields, lengthAt, length);
    return fcntl(fd, setOpenFileLock, request) === 0 ? 0 : getInt32(errnoAt) || wouldBlock;
  }

  // node:ffi does not save `errno`. Between the call and our look only V8 runs, on the same thread; a call of its own that
  // fails there would leave another number. So no single number is believed that would reject a lock: the call is made
  // again, and its result replaces the first. The opposite mistake is harmless: what looks like a refusal grants nothing,
  // and the next attempt sees the error.
  function surely(fd: number, kind: number, offset: number, length: number): number {
    let error = 0;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      error = setLock(fd, kind, offset, length);
      if (error === 0 || error === wouldBlock || error === accessDenied) return error;
    }
    return error;
  }

  return {
    tryLock(fd, offset, length, shared) {
      const error = surely(fd, shared ? readLock : writeLock, offset, length);
      if (error === 0) return true;
      if (error === wouldBlock || error === accessDenied) return false;
      throw failure(error);
    },
    unlock(fd, offset, length) {
      const error = surely(fd, noLock, offset, length);
      if (error !== 0) throw failure(error);
    },
  };
}

// 64 bits, the low half first. An element of 32 bits stores what is left of a greater number modulo 2 ** 32.
function put(fields: Int32Array, at: number, value: number): void {
  fields[at] = value;
  fields[at + 1] = Math.floor(value / 2 ** 32);
}

function failure(errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${code}: fcntl(F_OFD_SETLK) failed`), { code, errno: -errno, syscall: 'fcntl' });
}

function loadFfi(): Ffi {
  const { platform, arch, permission } = process;
  if (platform !== 'linux') throw new Error(`node:ffi is used on Linux only, and this is ${platform}`);
  if (!processors.includes(arch)) throw new Error(`node:ffi is not used on ${arch}`);
  // Asked first, because to load the module prints the warning. The types of the oldest Node have neither name.
  const builtins = process as { getBuiltinModule?: (id: string) => unknown };
  if (!isBuiltin('node:ffi') || builtins.getBuiltinModule === undefined) throw new Error(whyMissing());
  if (permission !== undefined && !(permission as { has(scope: string): boolean }).has('ffi')) {
    throw new Error('node --permission allows node:ffi with --allow-ffi');
  }
  return builtins.getBuiltinModule('node:ffi') as Ffi;
}

function whyMissing(): string {
  const { bun, deno, node } = process.versions;
  if (bun !== undefined || deno !== undefined) return `${bun === undefined ? 'Deno' : 'Bun'} has no node:ffi`;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major < 26 || (major === 26 && minor < 1))
    return `node:ffi needs Node 26.1 or newer, and this is ${process.version}`;
  return 'this Node was built without node:ffi, or started with --no-experimental-ffi';
}
