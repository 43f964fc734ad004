import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { nodeCrypto } from '@oslo-concurrency/core';
import { readProcStat } from './proc-stat.js';

/**
 * Distinguishes one process (or worker thread) from every other, on this and other machines, now and after a reboot.
 */
export interface ProcessIdentity {
  readonly host: string;
  /** A hash of `/etc/machine-id`. The id itself should stay confidential. */
  readonly machine?: string;
  /** A random number of the running kernel, the same in all its containers. Absent if `/proc` is not readable. */
  readonly bootId?: string;
  /** The inode number of the pid namespace. `pid` is valid only within it. */
  readonly pidNamespace?: number;
  /** The inode number of the time namespace. A start time is valid only within it. */
  readonly timeNamespace?: number;
  readonly pid: number;
  /** The start of the process, in clock ticks since boot. Absent if `/proc` does not show this pid namespace. */
  readonly startTime?: number;
  /** Only for a worker thread, which can end long before its process does. */
  readonly thread?: { readonly tid: number; readonly startTime: number };
}

let own: ProcessIdentity | undefined;

/** The identity of the calling thread. Read once, at the first call, so that importing costs nothing. */
export function ownIdentity(): ProcessIdentity {
  own ??= readOwnIdentity();
  return own;
}

function readOwnIdentity(): ProcessIdentity {
  const { pid } = process;
  const bootId = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const machine = attempt(() => hashed(readFileSync('/etc/machine-id', 'utf8').trim()));
  const pidNamespace = attempt(() => namespaceNumber('pid'));
  const timeNamespace = attempt(() => namespaceNumber('time'));
  const readable = procIsOurs();
  const startTime = readable ? attempt(() => readProcStat(`/proc/${pid}/stat`).startTime) : undefined;
  const thread = readable ? attempt(() => readOwnThread(pid)) : undefined;
  return {
    // Becomes part of file names (identity-name.ts), so it is cut and restricted to plain characters.
    host: hostname()
      .replace(/[^\w.-]/g, '_')
      .slice(0, 64),
    ...(machine === undefined ? {} : { machine }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(timeNamespace === undefined ? {} : { timeNamespace }),
    pid,
    ...(startTime === undefined ? {} : { startTime }),
    ...(thread === undefined ? {} : { thread }),
  };
}

/**
 * Whether `/proc` is readable and belongs to our pid namespace. After `unshare --pid` without a new `/proc`, or with
 * one that is bind-mounted, it shows the processes of another namespace: there, `/proc/<our pid>` and every other entry
 * describe unrelated processes.
 */
export function procIsOurs(): boolean {
  return attempt(() => readlinkSync('/proc/self')) === String(process.pid);
}

// A synchronous call runs on the JavaScript thread itself, so `thread-self` is the worker. (Importing
// node:worker_threads would replace process.chdir.)
function readOwnThread(pid: number): { tid: number; startTime: number } | undefined {
  const path = readlinkSync('/proc/thread-self');
  const tid = Number(path.slice(path.lastIndexOf('/') + 1));
  return tid === pid ? undefined : { tid, startTime: readProcStat(`/proc/${path}/stat`).startTime };
}

// 'pid:[4026531836]' -> 4026531836
function namespaceNumber(kind: 'pid' | 'time'): number {
  return Number(/\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1] ?? Number.NaN);
}

function hashed(machineId: string): string | undefined {
  if (machineId === '') return undefined;
  return nodeCrypto().createHash('sha256').update(`oslo-concurrency ${machineId}`).digest('hex').slice(0, 16);
}

// Each of these may be missing: on an old kernel, another system, in a sandbox, under `node --permission`.
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
